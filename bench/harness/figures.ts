import type { Claim } from './claim.ts';
import type { RoundAnswer } from './contender.ts';
import { short } from './results.ts';
import { median } from './statistics.ts';

/** What the rounds have answered, by part of the benchmark and by contender. */
export class Figures {
  readonly #answers = new Map<string, RoundAnswer[]>();

  add(part: string, name: string, answer: RoundAnswer): void {
    const key = `${part}/${name}`;
    this.#answers.set(key, [...(this.#answers.get(key) ?? []), answer]);
  }

  /** The figures of a contender's newest round. */
  last(part: string, name: string): Record<string, number> | undefined {
    return this.#answers.get(`${part}/${name}`)?.at(-1)?.figures;
  }

  list(part: string, name: string, figure: string): number[] {
    return (this.#answers.get(`${part}/${name}`) ?? []).map(({ figures }) => figures[figure] ?? Number.NaN);
  }

  median(part: string, name: string, figure: string): number {
    return median(this.list(part, name, figure));
  }

  /** What a contender said that it ran with, the last time. */
  settings(part: string, name: string): string {
    return this.#answers.get(`${part}/${name}`)?.at(-1)?.settings ?? '';
  }

  /** Of two contenders' figure, or of one's and another's: the median of what each round says of them. */
  ratio(part: string, figure: string | [ours: string, theirs: string], names: [us: string, them: string]): Compared {
    return { ...this.#compare(part, figure, names, (ours, theirs) => ours / theirs), unit: '×' };
  }

  difference(
    part: string,
    figure: string | [ours: string, theirs: string],
    names: [us: string, them: string],
    unit: string,
  ): Compared {
    return { ...this.#compare(part, figure, names, (ours, theirs) => ours - theirs), unit };
  }

  #compare(
    part: string,
    figure: string | [string, string],
    [us, them]: [string, string],
    compare: (ours: number, theirs: number) => number,
  ): Omit<Compared, 'unit'> {
    const [ours, theirs] = typeof figure === 'string' ? [figure, figure] : figure;
    const beside = this.list(part, them, theirs);
    return {
      value: median(this.list(part, us, ours).map((value, round) => compare(value, beside[round] as number))),
      ours: short(this.median(part, us, ours)),
      theirs: short(this.median(part, them, theirs)),
    };
  }
}

type Compared = Pick<Claim, 'value' | 'unit' | 'ours' | 'theirs'>;
