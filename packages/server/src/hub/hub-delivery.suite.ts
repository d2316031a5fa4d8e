import fc from 'fast-check';
import { expect, test } from 'vitest';
import { noMetrics } from '../metrics/metrics.ts';
import { until } from '../store/store-factory.suite.ts';
import { createHub } from './hub.ts';
import { expectExact, FakeConnection, logLine, type OpenWriter, principal, writers } from './log-writer.suite.ts';

/** `stories`: how many are played; each has an empty store. */
export function hubDeliverySuite(open: OpenWriter, stories: number): void {
  const fresh = writers(open);
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 40 }), bytes: fc.constantFrom(1, 8_000) }) },
    { weight: 2, arbitrary: fc.constantFrom('lose', 'hear', 'recheck') },
    { weight: 3, arbitrary: fc.record({ subscribe: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ stall: fc.nat(), on: fc.boolean() }) },
  );

  test('[HUB-10] whatever is lost, stalled and written meanwhile, each reader gets each seq once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(step, fc.boolean()), { minLength: 20, maxLength: 40 }), async (steps) => {
        const writer = await open();
        try {
          const hub = writer.hub();
          await writer.create('r');
          const readers: { connection: FakeConnection; after: number }[] = [];
          for (const [one, settles] of steps) {
            if (settles) for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
            if (one === 'lose') writer.losing = true;
            else if (one === 'hear') writer.losing = false;
            else if (one === 'recheck') await hub.recheck();
            else if ('append' in one) {
              await writer.append(
                'r',
                Array.from({ length: one.append }, () => logLine('x'.repeat(one.bytes))),
              );
            } else if ('subscribe' in one) {
              const connection = new FakeConnection();
              const after = one.subscribe % (writer.head('r') + 1);
              const frame = { type: 'subscribe', id: 1, run: 'r', after: String(after) };
              hub.connect(principal(), connection).receive(JSON.stringify(frame));
              readers.push({ connection, after });
            } else {
              const reader = readers[one.stall % (readers.length || 1)];
              if (!reader) continue;
              reader.connection.stalled = one.on;
              if (!one.on) reader.connection.drain();
            }
          }
          for (const { connection } of readers) {
            connection.stalled = false;
            connection.drain();
          }
          await hub.recheck();
          for (const { connection, after } of readers) {
            await until(() => expect(connection.of('range').at(-1)?.through ?? after).toBe(writer.head('r')));
            expectExact(connection.of('range'), after, writer.head('r'));
          }
        } finally {
          await writer.close();
        }
      }),
      { numRuns: stories },
    );
  }, 30_000);

  test('[HUB-96] the time from an event to the write of its last follower is counted, in seconds', async () => {
    const writer = await fresh();
    const seconds: number[] = [];
    const metrics = {
      ...noMetrics,
      observe: (name: string, took: number) => void (name === 'hub_delivery_seconds' && seconds.push(took)),
    };
    const { store, bus, clock } = writer;
    const hub = createHub({
      store,
      bus,
      clock,
      metrics,
      server: 'boot',
      auth: { verify: async () => principal() },
      submit: async () => ({ seq: 0 }),
    });
    await writer.create('r');
    expect(seconds).toEqual([]);
    const connection = new FakeConnection();
    hub
      .connect(principal(), connection)
      .receive(JSON.stringify({ type: 'subscribe', id: 1, run: 'r', after: writer.cursor(1) }));
    await until(() => expect(connection.of('ok')).toHaveLength(1));
    await writer.logs('r', 3);
    expect(seconds).toEqual([0]);
  });

  test('[HUB-98] how many events readers have yet to be sent is known, and nothing once they have them', async () => {
    const writer = await fresh();
    const hub = writer.hub();
    await writer.create('r');
    const connection = new FakeConnection();
    hub
      .connect(principal(), connection)
      .receive(JSON.stringify({ type: 'subscribe', id: 1, run: 'r', after: writer.cursor(1) }));
    await until(() => expect(hub.lag()).toEqual({ readers: 0, events: 0 }));
    connection.stalled = true;
    for (let turn = 0; turn < 20; turn++) await writer.append('r', [logLine('x'.repeat(40_000))]);
    await until(() => expect(hub.lag().readers).toBe(1));
    const { events } = hub.lag();
    expect(events).toBeGreaterThan(0);
    await writer.append('r', [logLine('more')]);
    expect(hub.lag()).toEqual({ readers: 1, events: events + 1 });
    connection.stalled = false;
    connection.drain();
    await until(() => expect(hub.lag()).toEqual({ readers: 0, events: 0 }));
  });
}
