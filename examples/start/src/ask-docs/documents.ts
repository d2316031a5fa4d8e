import { constants } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { extname, join, resolve, sep } from 'node:path';

/** One text file of the folder that a question is asked about. */
export interface SourceDocument {
  /** below the folder, parts joined by `/` */
  path: string;
  bytes: number;
}

export interface Folder {
  /** the folder's real path */
  root: string;
  /** by path */
  documents: SourceDocument[];
  /** what looks like a document and was left out, each with the reason */
  skipped: { path: string; reason: string }[];
}

/** At most so many documents in a folder; more are refused. */
export const DOCUMENT_LIMIT = 500;
/** bytes; a larger document is left out */
export const DOCUMENT_BYTES = 1024 * 1024;
/** bytes, of all documents together; more are refused, since the search index is held in memory */
export const FOLDER_BYTES = 16 * 1024 * 1024;

const EXTENSIONS = new Set(['.md', '.mdx', '.txt']);

/**
 * Lists the .md, .mdx and .txt files below a folder. Links, hidden folders and node_modules below it are not entered,
 * so nothing outside of the folder is ever read. Throws when there is no such folder, when it holds no document,
 * and when it holds too many.
 */
export async function listDocuments(folder: string): Promise<Folder> {
  const root = await realFolder(folder);
  const found: Folder = { root, documents: [], skipped: [] };
  await walk(root, '', found);
  const bytes = found.documents.reduce((sum, document) => sum + document.bytes, 0);
  if (found.documents.length === 0) {
    const left = found.skipped.map((file) => ` ${file.path} was left out: ${file.reason}.`).slice(0, 3);
    throw new Error(`There is no .md, .mdx or .txt file to read in ${folder}.${left.join('')}`);
  }
  if (bytes > FOLDER_BYTES) {
    throw new Error(
      `The documents in ${folder} have ${mebibytes(bytes)}; at most ${mebibytes(FOLDER_BYTES)} can be asked about.`,
    );
  }
  found.documents.sort((a, b) => (a.path < b.path ? -1 : 1));
  return found;
}

/** The text of a document that `listDocuments` named. Throws when it has left the folder or grown over the limit. */
export async function readDocument(root: string, path: string): Promise<string> {
  const real = await realpath(resolve(root, path));
  if (!real.startsWith(root.endsWith(sep) ? root : root + sep)) throw new Error(`${path} lies outside of ${root}.`);
  // Opened without following links and measured after it was opened: it may have been replaced since it was listed.
  const file = await open(real, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    const facts = await file.stat();
    if (!facts.isFile()) throw new Error(`${path} is not a file any more.`);
    if (facts.size > DOCUMENT_BYTES) throw new Error(`${path} ${tooLarge(facts.size)}.`);
    return new TextDecoder().decode(await file.readFile());
  } finally {
    await file.close();
  }
}

async function realFolder(folder: string): Promise<string> {
  const facts = await stat(folder).catch(() => undefined);
  if (!facts) throw new Error(`There is no folder ${folder}. Give the path of a folder with .md, .mdx or .txt files.`);
  if (!facts.isDirectory())
    throw new Error(`${folder} is not a folder. Give the path of a folder with .md, .mdx or .txt files.`);
  return realpath(folder);
}

async function walk(root: string, below: string, found: Folder): Promise<void> {
  for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!entry.name.startsWith('.') && entry.name !== 'node_modules') await walk(root, path, found);
    } else if (EXTENSIONS.has(extname(entry.name).toLowerCase())) {
      await take(root, path, entry.isFile(), found);
    }
  }
}

async function take(root: string, path: string, isFile: boolean, found: Folder): Promise<void> {
  if (!isFile) {
    found.skipped.push({ path, reason: 'it is a link or not a plain file' });
    return;
  }
  const { size } = await stat(join(root, path));
  if (size > DOCUMENT_BYTES) {
    found.skipped.push({ path, reason: `it ${tooLarge(size)}` });
    return;
  }
  if (found.documents.length === DOCUMENT_LIMIT) {
    throw new Error(`${root} holds more than ${DOCUMENT_LIMIT} documents. Choose a folder further down.`);
  }
  found.documents.push({ path, bytes: size });
}

function tooLarge(bytes: number): string {
  return `has ${mebibytes(bytes)}, over the limit of ${mebibytes(DOCUMENT_BYTES)} a document`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
