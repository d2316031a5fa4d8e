import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { exampleQuestion } from './example.ts';

it('[DEM-9] the example of an own folder asks about its README, else its first document', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-example-'));
  await writeFile(join(folder, 'anchors.txt'), 'They hold.');
  expect(await exampleQuestion(folder)).toBe('What about anchors?');
  await writeFile(join(folder, 'README.md'), '# Boats\n\n## Sails\n\nThey catch the wind.');
  expect(await exampleQuestion(folder)).toBe('What about Sails?');
  await rm(folder, { recursive: true });
});
