import { NonRetryable } from '../errors.ts';
import { readMarkdown, readPlainText, type Section } from './markdown.ts';

type Reader = (source: string) => Section[];

const byEnding: Record<string, Reader> = {
  md: readMarkdown,
  mdx: readMarkdown,
  markdown: readMarkdown,
  txt: readPlainText,
};
const byType: Record<string, Reader> = { 'text/markdown': readMarkdown, 'text/plain': readPlainText };

/** The text of a document, by its name's ending, else by its type. Throws where it is neither Markdown nor plain text. */
export function extract(fileName: string, type: string, bytes: Uint8Array): Section[] {
  const ending = /\.([a-z0-9]+)$/i.exec(fileName)?.[1]?.toLowerCase();
  const read = ending === undefined ? byType[type.replace(/;.*/, '').trim().toLowerCase()] : byEnding[ending];
  if (!read) {
    throw new NonRetryable(
      `${fileName} (${type}) cannot be read: ingest reads Markdown (.md, .mdx, .markdown) and plain text (.txt) in UTF-8. Convert it, or register a workflow "ingest" of your own.`,
    );
  }
  let source: string;
  try {
    source = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new NonRetryable(`${fileName} is not UTF-8 text. Save it as UTF-8 and send it again.`);
  }
  const sections = read(source);
  if (sections.length === 0) throw new NonRetryable(`There is no text in ${fileName}.`);
  return sections;
}
