import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listDocuments } from './ask-docs/documents.ts';
import { readCommandLine } from './command-line.ts';

describe('the command line of npm start', () => {
  it('[DEM-1] asks about the documentation of the installed Fastify by default', async () => {
    const { folder, example } = readCommandLine([], '/');
    expect(example).toEqual({ question: 'How do I validate a request body?' });
    const { documents } = await listDocuments(folder);
    expect(documents.length).toBeGreaterThan(35);
    expect(documents.map((document) => document.path)).toContain('Reference/Validation-and-Serialization.md');
  });

  it('[DEM-9] --docs DIR becomes the folder asked about and the example of the start form', () => {
    const { folder, example } = readCommandLine(
      ['--docs', basename(import.meta.dirname)],
      join(import.meta.dirname, '..'),
    );
    expect(folder).toBe(import.meta.dirname);
    expect(example.docs).toBe(import.meta.dirname);
  });

  it('refuses a folder that is not there and an option that it does not know', () => {
    expect(() => readCommandLine(['--docs', 'gone'], '/')).toThrow('--docs: there is no folder /gone.');
    expect(() => readCommandLine(['--port', '1'], '/')).toThrow(/--port/);
  });
});
