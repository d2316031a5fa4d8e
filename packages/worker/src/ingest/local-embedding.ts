/** What the vectors of {@link embed} are called; vectors of another name lie in another space. */
export const LOCAL_EMBEDDING = 'hashed-words-384';
const DIMENSIONS = 384;
/** what a word's three letters in a row count, beside the word itself */
const TRIGRAM = 0.25;

const WORD = /[\p{L}\p{N}]+/gu;

/** The words of a text in lower case, without their endings: `chunked` and `chunking` are one, `eagle` and `eagles` too. */
export function stems(text: string): string[] {
  return (text.toLowerCase().match(WORD) ?? []).map((word) => word.replace(PLURAL, '').slice(0, STEM));
}
const STEM = 6;
const PLURAL = /(?<=\p{L}{3})s$/u;

/**
 * A text's vector by its words and their trigrams, hashed: no model, no network, the same everywhere and always. Texts
 * are near each other that use the same words, also in another form; what only means the same is not.
 */
export function embed(text: string): number[] {
  const counts = new Map<string, number>();
  for (const word of stems(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const vector = new Array<number>(DIMENSIONS).fill(0);
  for (const [word, count] of counts) {
    // Short words are mostly the grammar's.
    const weight = ((1 + Math.log(count)) * word.length) / STEM;
    add(vector, word, weight);
    for (let at = 0; at + 3 <= word.length && word.length > 3; at += 1)
      add(vector, `${word.slice(at, at + 3)}…`, weight * TRIGRAM);
  }
  return vector;
}

function add(vector: number[], feature: string, weight: number): void {
  const hash = fnv1a(feature);
  const place = hash % DIMENSIONS;
  vector[place] = (vector[place] ?? 0) + (hash >>> 31 === 1 ? -weight : weight);
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
