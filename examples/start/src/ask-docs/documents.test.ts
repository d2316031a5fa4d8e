import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DOCUMENT_BYTES, DOCUMENT_LIMIT, listDocuments, readDocument } from './documents.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-documents-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(path: string, text: string): Promise<void> {
  await mkdir(join(folder, path, '..'), { recursive: true });
  await writeFile(join(folder, path), text);
}

describe('a folder of documents', () => {
  it('lists .md, .mdx and .txt files by path, and nothing hidden or installed', async () => {
    for (const path of ['b.md', 'a/c.MDX', 'a/d.txt', 'a/e.png', '.git/f.md', 'node_modules/g.md'])
      await put(path, path);
    const { root, documents, skipped } = await listDocuments(folder);
    expect(documents.map((document) => document.path)).toEqual(['a/c.MDX', 'a/d.txt', 'b.md']);
    expect(skipped).toEqual([]);
    expect(await readDocument(root, 'a/d.txt')).toBe('a/d.txt');
  });

  it('[DEM-3] follows no link, neither when it lists nor when it reads', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'millrace-outside-'));
    await writeFile(join(outside, 'secret.md'), 'secret');
    await put('own.md', 'own');
    await symlink(join(outside, 'secret.md'), join(folder, 'link.md'));
    await symlink(outside, join(folder, 'linked'));
    const { root, documents, skipped } = await listDocuments(folder);
    expect(documents.map((document) => document.path)).toEqual(['own.md']);
    expect(skipped).toEqual([{ path: 'link.md', reason: 'it is a link or not a plain file' }]);
    for (const path of [
      'link.md',
      'linked/secret.md',
      `../${outside.split('/').at(-1)}/secret.md`,
      join(outside, 'secret.md'),
    ]) {
      await expect(readDocument(root, path)).rejects.toThrow('lies outside of');
    }
    await rm(outside, { recursive: true });
  });

  it('[DEM-3] leaves a document over 1 MB out and says so', async () => {
    await put('small.md', 'small');
    await put('large.md', 'x'.repeat(DOCUMENT_BYTES + 1));
    const { root, documents, skipped } = await listDocuments(folder);
    expect(documents).toEqual([{ path: 'small.md', bytes: 5 }]);
    expect(skipped).toEqual([{ path: 'large.md', reason: 'it has 1.0 MB, over the limit of 1.0 MB a document' }]);
    await expect(readDocument(root, 'large.md')).rejects.toThrow('over the limit');
  });

  it('[DEM-3] refuses a folder with too many documents, with too much text, with none, and what is no folder', async () => {
    await expect(listDocuments(folder)).rejects.toThrow('There is no .md, .mdx or .txt file to read in');
    await expect(listDocuments(join(folder, 'gone'))).rejects.toThrow('There is no folder');
    await put('file.md', 'x');
    await expect(listDocuments(join(folder, 'file.md'))).rejects.toThrow('is not a folder');
    for (let n = 0; n < 17; n += 1) await put(`large/${n}.md`, 'x'.repeat(DOCUMENT_BYTES));
    await expect(listDocuments(folder)).rejects.toThrow('at most 16.0 MB can be asked about');
    for (let n = 0; n < DOCUMENT_LIMIT; n += 1) await put(`many/${n}.md`, '');
    await expect(listDocuments(folder)).rejects.toThrow('holds more than 500 documents');
  });
});
