import { basename, extname } from 'node:path';
import { chunksOf } from './chunks.ts';
import { listDocuments, readDocument } from './documents.ts';

/** A question that a folder can answer: about the heading, else the name, of its README or first document. */
export async function exampleQuestion(folder: string): Promise<string> {
  const { root, documents } = await listDocuments(folder);
  const { path } = documents.find((document) => /^readme\./i.test(document.path)) ?? documents[0] ?? { path: '' };
  const [first] = chunksOf(path, await readDocument(root, path));
  const about = first?.heading.split(' › ').at(-1) || basename(path, extname(path));
  return `What about ${about}?`;
}
