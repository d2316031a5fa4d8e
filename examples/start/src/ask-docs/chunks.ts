import { type Chunk, chunksOf as cut, readMarkdown, readPlainText } from '@millrace/worker/ingest';
import { sentencesOf } from './sentences.ts';

/** Cuts a document of the folder as `ingest` does, between the sentences that the answering model quotes. */
export function chunksOf(file: string, source: string): Chunk[] {
  const sections = file.toLowerCase().endsWith('.txt') ? readPlainText(source) : readMarkdown(source);
  return cut(file, sections, sentencesOf);
}
