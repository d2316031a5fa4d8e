/** One thing that a benchmark is there to show: a value, and what it should be. */
export interface Claim {
  what: string;
  /** both figures that it is made of; the second is missing where it is not a comparison */
  ours: string;
  theirs?: string;
  value: number;
  /** × where it is a ratio */
  unit: string;
  bound: 'at least' | 'at most';
  target: number;
}

export const atLeast = (target: number) => ({ bound: 'at least' as const, target });
export const atMost = (target: number) => ({ bound: 'at most' as const, target });

export const isMet = ({ value, bound, target }: Claim): boolean =>
  bound === 'at least' ? value >= target : value <= target;
