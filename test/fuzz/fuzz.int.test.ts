import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chase } from './hunt.ts';
import { mutants, planted } from './mutants.ts';
import { play, STEPS } from './play.ts';
import { type Step, script } from './script.ts';
import { shrink } from './shrink.ts';

const SEEDS = 25;

test('[FUZ-1] whatever breaks, each connection is sent each event once and in order or told of a gap, and everybody sees what is', async () => {
  let written = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { faults, events } = await play(seed);
    expect({ seed, faults }).toEqual({ seed, faults: [] });
    written += events;
  }
  expect(written).toBeGreaterThan(100 * SEEDS);
}, 120_000);

test('[FUZ-2] the same seed is the same world, to the last byte', async () => {
  const [one, other, another] = [await play(3), await play(3), await play(4)];
  expect(other.trace).toBe(one.trace);
  expect(another.trace).not.toBe(one.trace);
}, 60_000);

test('[FUZ-2] steps that are left out change none of the others, and only those that matter are kept', async () => {
  const steps = script(7, STEPS);
  expect(script(7, 40)).toEqual(steps.slice(0, 40));
  const needed = [steps[3], steps[57]];
  const shows = async (fewer: readonly Step[]) => needed.every((step) => fewer.some((other) => other === step));
  expect(await shrink(steps, shows, () => false)).toEqual(needed);
});

test('[FUZ-3] every fault that can be planted has its place in the source', () => {
  for (const mutant of mutants) {
    const source = readFileSync(join(import.meta.dirname, '../..', mutant.file), 'utf8');
    expect(planted(mutant, source)).not.toBe(source);
  }
  expect(mutants.length).toBeGreaterThanOrEqual(8);
});

test.each(['hint-before-commit', 'fold-twice'])(
  '[FUZ-3] the planted fault %s is caught',
  async (name) => {
    const { caught, told } = await chase({ name }, 10);
    expect(told).toMatch(/^seed \d+: /);
    expect(caught).toBe(true);
  },
  120_000,
);
