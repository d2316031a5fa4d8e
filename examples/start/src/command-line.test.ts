import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listDocuments } from './ask-docs/documents.ts';
import { readCommandLine } from './command-line.ts';

describe('the command line of npm start', () => {
  it('[DEM-1] asks about the documentation of the installed Fastify by default', async () => {
    const { folder, example } = await readCommandLine([], '/');
    expect(example).toEqual({ question: 'How do I validate a request body?' });
    const { documents } = await listDocuments(folder);
    expect(documents.length).toBeGreaterThan(35);
    expect(documents.map((document) => document.path)).toContain('Reference/Validation-and-Serialization.md');
  });

  it('[DEM-9] --docs DIR becomes the folder asked about and the example of the start form', async () => {
    const own = await mkdtemp(join(tmpdir(), 'millrace-own-'));
    await writeFile(join(own, 'mill.md'), '# The wheel\n\nIt turns.');
    expect(await readCommandLine(['--docs', basename(own)], tmpdir())).toEqual({
      folder: own,
      example: { question: 'What about The wheel?', docs: own },
    });
    await rm(own, { recursive: true });
  });

  it('refuses a folder that is not there and an option that it does not know', async () => {
    await expect(readCommandLine(['--docs', 'gone'], '/')).rejects.toThrow('There is no folder /gone.');
    await expect(readCommandLine(['--port', '1'], '/')).rejects.toThrow(/--port/);
  });
});
