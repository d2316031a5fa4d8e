import model from 'wink-eng-lite-web-model';
import winkNLP, { type ItsFunction } from 'wink-nlp';

const nlp = winkNLP(model, ['sbd']);
// wink's types leave out one argument of this function, so it does not fit where wink itself takes it.
const stem = nlp.its.stem as unknown as ItsFunction<string>;

/**
 * The sentences of a paragraph, in order; together they are the paragraph. A stop without a space after it
 * (`request.body`, 5.12) and one inside of back-ticks end none.
 */
export function sentencesOf(paragraph: string): string[] {
  const sentences: string[] = [];
  let from = 0;
  let end = 0;
  for (const piece of nlp.readDoc(paragraph).sentences().out()) {
    const start = paragraph.indexOf(piece, end);
    if (start < 0) continue;
    const open = (paragraph.slice(from, start).split('`').length - 1) % 2 === 1;
    if (start > end && end > from && !open) {
      sentences.push(paragraph.slice(from, end).trim());
      from = start;
    }
    end = start + piece.length;
  }
  sentences.push(paragraph.slice(from).trim());
  return sentences.filter((sentence) => sentence !== '');
}

const WORD = /[\p{L}\p{N}_$]+/gu;

export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(WORD) ?? [];
}

const known = new Map<string, string>();
const KNOWN_LIMIT = 50_000;

/** The stem that a word is found by (`validating` and `validation` share one); '' for a stop word like `the`. */
export function stemOf(word: string): string {
  const lower = word.toLowerCase();
  const seen = known.get(lower);
  if (seen !== undefined) return seen;
  if (known.size >= KNOWN_LIMIT) known.clear();
  const tokens = nlp.readDoc(lower).tokens();
  const stop = tokens.length() === 1 && tokens.out(nlp.its.stopWordFlag)[0] === true;
  const found = stop ? '' : tokens.out(stem).join('');
  known.set(lower, found);
  return found;
}

/** The stems of a text's words, stop words left out. */
export function stemsOf(text: string): string[] {
  return wordsOf(text)
    .map(stemOf)
    .filter((stem) => stem !== '');
}
