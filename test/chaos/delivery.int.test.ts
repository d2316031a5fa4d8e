import { expect, test } from 'vitest';
import { deliver, shortDelivery } from './delivery.ts';

const seed = Number(process.env.CHAOS_SEED ?? 20261121);

test('[CHA-8] [CHA-9] 24 clients on broken connections follow 6 runs and 3 lists through a killed server: nothing missing, nothing twice, every acknowledged append in the log', async () => {
  const { verdict, connections, faults } = await deliver(seed, shortDelivery);
  expect(verdict.findings, `seed ${seed}`).toEqual([]);
  expect(Math.min(...Object.values(connections)), 'every transport was used').toBeGreaterThan(0);
  expect(faults.followed.cut + faults.produced.cut).toBeGreaterThan(10);
  expect(faults.followed).toMatchObject({ stall: expect.toSatisfy(positive), drip: expect.toSatisfy(positive) });
  expect(verdict.delivered).toBeGreaterThan(1_000);
}, 90_000);

const positive = (count: number) => count > 0;
