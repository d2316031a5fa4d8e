export interface AppendRequest {
  /** that count, after a tenth as many that do not */
  events: number;
  /** live ones, over which they are spread evenly */
  runs: number;
  /** who wait for their acknowledgement before they append again, each one event */
  producers: number;
}

export const BY = 'worker:bench';
const message = 'm'.repeat(85);

export const appendedData = (n: number) => ({ level: 'info' as const, message, metadata: { n } });

/** An event as Millrace stores it. */
export const appendedText = (seq: number, n: number): string =>
  JSON.stringify({ seq, at: Date.now(), type: 'log', node: 'bench', by: BY, data: appendedData(n) });

/** events/s over all, and over the first and the last fifth, of the times at which each was acknowledged */
export function speeds(began: number, marks: readonly number[]): { all: number; first: number; last: number } {
  const fifth = Math.floor(marks.length / 5);
  const rate = (from: number, to: number) =>
    ((to - from) * 1_000) / ((marks[to - 1] as number) - (from === 0 ? began : (marks[from - 1] as number)));
  return { all: rate(0, marks.length), first: rate(0, fifth), last: rate(marks.length - fifth, marks.length) };
}
