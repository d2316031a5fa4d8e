import type { Block, Section } from './markdown.ts';

/** What is searched and cited: a few whole sentences of one document, under one heading. */
export interface Chunk {
  /** the file and the chunk's place in it */
  id: string;
  /** what the document is known by, such as its path */
  file: string;
  /** the headings it stands under, outermost first, joined by ` › `; '' where there are none */
  heading: string;
  text: string;
}

/** characters; a chunk is closed before it would grow longer, unless a single sentence already is */
export const CHUNK_SIZE = 900;
/** characters; a single "sentence" longer than this is cut between words */
export const SENTENCE_LIMIT = 2_000;

/** The sentences of a paragraph, in order. */
export type Sentences = (paragraph: string) => string[];

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** Sentences as Unicode divides them. */
export const unicodeSentences: Sentences = (paragraph) =>
  Array.from(segmenter.segment(paragraph), ({ segment }) => segment.trim()).filter((sentence) => sentence !== '');

/** Cuts a document between sentences. A chunk never reaches over a heading, and code keeps its lines. */
export function chunksOf(file: string, sections: readonly Section[], sentences: Sentences = unicodeSentences): Chunk[] {
  const chunks: Chunk[] = [];
  for (const { headings, blocks } of sections) {
    const heading = headings.join(' › ');
    for (const text of packed(blocks.flatMap((block) => pieces(block, sentences))))
      chunks.push({ id: `${file}#${chunks.length + 1}`, file, heading, text });
  }
  return chunks;
}

/** A part of a chunk, and what stands between it and the part before. */
interface Piece {
  before: string;
  text: string;
}

function pieces(block: Block, sentencesOf: Sentences): Piece[] {
  if (block.kind === 'code') {
    return cut(block.text, '\n').map((text) => ({ before: '\n', text: `\`\`\`\n${text}\n\`\`\`` }));
  }
  return sentencesOf(block.text)
    .flatMap((sentence) => cut(sentence, ' '))
    .map((text, place) => ({ before: place === 0 ? '\n' : ' ', text }));
}

function packed(parts: Piece[]): string[] {
  const texts: string[] = [];
  let text = '';
  for (const part of parts) {
    if (text !== '' && text.length + part.before.length + part.text.length > CHUNK_SIZE) {
      texts.push(text);
      text = '';
    }
    text = text === '' ? part.text : text + part.before + part.text;
  }
  if (text !== '') texts.push(text);
  return texts;
}

/** Cuts what is longer than a sentence may be, at the last `separator` that fits. */
function cut(text: string, separator: string): string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > SENTENCE_LIMIT) {
    const at = rest.lastIndexOf(separator, SENTENCE_LIMIT);
    const end = at > 0 ? at : SENTENCE_LIMIT;
    parts.push(rest.slice(0, end));
    rest = rest.slice(at > 0 ? end + separator.length : end);
  }
  if (rest !== '') parts.push(rest);
  return parts;
}
