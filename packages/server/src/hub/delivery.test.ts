import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { expectExact, FakeConnection, LogWriter, logLine, principal } from './log-writer.suite.ts';

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 40 }), bytes: fc.constantFrom(1, 8_000) }) },
  { weight: 2, arbitrary: fc.constantFrom('lose', 'hear', 'recheck') },
  { weight: 3, arbitrary: fc.record({ subscribe: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ stall: fc.nat(), on: fc.boolean() }) },
);

test('[HUB-10] whatever is lost, stalled and written meanwhile, each reader gets each seq once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(step, fc.boolean()), { minLength: 20, maxLength: 40 }), async (steps) => {
      const writer = new LogWriter();
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
        await vi.waitFor(() => expect(connection.of('range').at(-1)?.through ?? after).toBe(writer.head('r')), {
          interval: 1,
        });
        expectExact(connection.of('range'), after, writer.head('r'));
      }
    }),
    { numRuns: 40 },
  );
}, 30_000);
