import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Cast, play } from './scenario.ts';

const seed = Number(process.env.CHAOS_SEED ?? 20261121);

test.concurrent.each([
  ['[CHA-1] a server is killed with its worker inside', 'both', 4],
  ['[CHA-2] a server is killed, and its worker lives on elsewhere', 'server', 3],
  ['[CHA-3] a worker is killed, and its server lives on', 'worker', 3],
] as [string, Cast, number][])(
  '%s: the run ends as it should',
  async (_, cast, size) => {
    const whole = await play(cast);
    expect(whole.verdict).toMatchObject({ lost: 0, lines: whole.verdict.keys });
    const subset = fc.shuffledSubarray(whole.passed, { minLength: size, maxLength: size });
    const [points = []] = fc.sample(subset, { seed, numRuns: 1 });
    console.log(`seed ${seed}, ${cast} is killed at ${points.join(', ')} of ${whole.passed.length} points`);
    for (const point of points) await play(cast, point);
  },
  90_000,
);
