import { afterEach, expect, test } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import { noMetrics } from '../metrics/metrics.ts';
import type { DueRow } from '../store/store.ts';
import { MemoryStore } from '../store/store-memory.ts';
import { Delivery } from './delivery.ts';

const deliveries: Delivery[] = [];
afterEach(async () => {
  for (const made of deliveries.splice(0)) await made.stop();
});

/** Due rows that are delivered to `deliver`, which says what becomes of them. */
function world(deliver: (row: DueRow, drop: () => Promise<void>) => Promise<void>) {
  const store = new MemoryStore('e');
  const clock = new SimulatedClock(0);
  const told: string[] = [];
  const delivery = new Delivery({
    ...{ store, clock, metrics: noMetrics },
    deliver(row) {
      told.push(`${row.key}@${clock.now()}`);
      return deliver(row, () => store.dropDue([row]));
    },
    looked: () => undefined,
  });
  deliveries.push(delivery);
  return {
    ...{ told, delivery },
    put: (key: string, at: number) => store.putDue([{ tenant: 't', run: 'r', key, at, command: '{}' }]),
    /** Moves time. The memory store answers within the turn, so what that brought about is over in the next one. */
    async advance(ms: number): Promise<void> {
      clock.advance(ms);
      await new Promise(setImmediate);
    },
  };
}

test('[SCH-1] a due row is delivered in the millisecond in which it is due, and once', async () => {
  const { put, advance, told, delivery } = world((_row, drop) => drop());
  await put('a', 250);
  await put('b', 700);
  delivery.wake(0);
  await advance(0);
  await advance(250);
  expect(told).toEqual(['a@250']);
  await advance(450);
  await advance(1_000);
  expect(told).toEqual(['a@250', 'b@700']);
});

test.each([
  ['fails', () => Promise.reject(new Error('storage_unavailable'))],
  ['seems to succeed but leaves its row', () => Promise.resolve()],
])(
  '[SCH-1] a delivery that %s is tried again after 1, 2, 4 … seconds, and others are on time',
  async (_name, outcome) => {
    const { put, advance, told, delivery } = world((row, drop) => (row.key === 'stuck' ? outcome() : drop()));
    await put('stuck', 0);
    await put('later', 5_300);
    delivery.wake(0);
    for (let n = 0; n <= 150; n += 1) await advance(n === 0 ? 0 : 100);
    expect(told).toEqual(['stuck@0', 'stuck@1000', 'stuck@3000', 'later@5300', 'stuck@7000', 'stuck@15000']);
  },
);

test('[SCH-1] three hundred rows that cannot be delivered hide none behind them', async () => {
  const { put, advance, told, delivery } = world((row, drop) =>
    row.key.startsWith('stuck') ? Promise.reject(new Error('no')) : drop(),
  );
  for (let n = 0; n < 300; n += 1) await put(`stuck${n}`, 0);
  await put('good', 1);
  delivery.wake(0);
  for (let n = 0; n < 3; n += 1) await advance(n === 0 ? 1 : 0);
  expect(told).toContain('good@1');
});

test('[SCH-1] a delivery that takes long holds up no other, and is not begun twice', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { put, advance, told, delivery } = world((row, drop) => (row.key === 'slow' ? promise.then(drop) : drop()));
  await put('slow', 0);
  await put('later', 4_000);
  delivery.wake(0);
  for (let n = 0; n <= 50; n += 1) await advance(n === 0 ? 0 : 100);
  expect(told).toEqual(['slow@0', 'later@4000']);
  resolve();
});
