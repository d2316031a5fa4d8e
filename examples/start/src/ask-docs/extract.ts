import type { Passage } from './passages.ts';
import { sentencesOf, stemOf, stemsOf, wordsOf } from './sentences.ts';

/** sentences that an answer quotes at most */
const QUOTES = 5;
/** A sentence that scores less than this part of the best one is left out. */
const WORTH = 0.4;

interface Candidate {
  n: number;
  text: string;
  place: number;
  score: number;
}

/** The words of a question that say what it is about, in its order, each once. */
export function keywordsOf(question: string): string[] {
  const words = [...new Set(wordsOf(question))];
  const telling = words.filter((word) => stemOf(word) !== '');
  return telling.length > 0 ? telling : words;
}

/**
 * Answers by quoting: the sentences of the passages that share the question's rarest words, each with its citation,
 * in the order of the passages. undefined where no sentence shares any.
 */
export function extractAnswer(question: string, passages: readonly Passage[]): string | undefined {
  const wanted = new Set(keywordsOf(question).flatMap(stemsOf));
  const candidates = score(wanted, passages);
  const best = candidates.reduce((max, candidate) => Math.max(max, candidate.score), 0);
  if (best === 0) return undefined;
  const quotes = candidates
    .filter((candidate) => candidate.score >= best * WORTH)
    .sort((a, b) => b.score - a.score || a.place - b.place)
    .slice(0, QUOTES)
    .sort((a, b) => a.place - b.place);
  return quotes.map(({ text, n }) => `- ${text} [${n}]`).join('\n');
}

function score(wanted: ReadonlySet<string>, passages: readonly Passage[]): Candidate[] {
  const sentences = passages.flatMap((passage, rank) =>
    quotable(passage).map((text) => ({ passage, rank, text, stems: new Set(stemsOf(text)) })),
  );
  const rarity = new Map<string, number>();
  for (const stem of wanted) {
    const holders = sentences.filter((sentence) => sentence.stems.has(stem)).length;
    rarity.set(stem, Math.log(1 + sentences.length / (1 + holders)));
  }
  const sum = (stems: ReadonlySet<string>): number =>
    [...wanted].reduce((total, stem) => total + (stems.has(stem) ? (rarity.get(stem) ?? 0) : 0), 0);
  const seen = new Set<string>();
  return sentences.flatMap(({ passage, rank, text, stems }, place) => {
    const own = sum(stems);
    if (own === 0 || seen.has(text)) return [];
    seen.add(text);
    // The heading tells what a sentence is about; a search's first passage is worth more than its last.
    const score = (own + 0.5 * sum(new Set(stemsOf(passage.heading)))) / (1 + 0.1 * rank);
    return [{ n: passage.n, text, place, score: text.endsWith(':') ? score / 3 : score }];
  });
}

/** The sentences of a passage; code is not quoted. */
function quotable(passage: Passage): string[] {
  const prose = passage.text.replace(/```[\s\S]*?(```|$)/g, '\n');
  return prose
    .split('\n')
    .flatMap(sentencesOf)
    .filter((sentence) => wordsOf(sentence).length >= 3);
}
