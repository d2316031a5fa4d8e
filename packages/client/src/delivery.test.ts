import type { RunEvent } from '@millrace/protocol/event';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createClient } from './client.ts';
import { FakeServer, foldAll, settle } from './fake-server.suite.ts';
import { SimulatedClock } from './simulated-clock.suite.ts';

/** What may happen to one viewer of one run. */
const op = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('append' as const), count: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('cut' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('lose' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('repeat' as const), back: fc.integer({ min: 0, max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('webSockets' as const), work: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('down' as const), seconds: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 8 }) }) },
);
const story = fc.record({ page: fc.integer({ min: 1, max: 7 }), ops: fc.array(op, { maxLength: 25 }) });

test('[CLT-9] cut, lose, repeat, restart, step down: each event is seen once, in order, and the view is the fold', async () => {
  await fc.assert(
    fc.asyncProperty(story, async ({ page, ops }) => {
      const server = new FakeServer();
      const clock = new SimulatedClock();
      server.page = page;
      server.append('r', 3);
      const { WebSocket, fetch } = server;
      const platform = { WebSocket, fetch, random: () => 0.5, onNetwork: () => () => {} };
      const client = createClient({ url: 'http://millrace.test', token: 'good', clock, platform });
      const store = client.run('r');
      const seen: RunEvent[] = [];
      store.onEvents((events) => seen.push(...events));
      await settle();
      const wait = async (seconds: number) => {
        for (let second = 0; second < seconds; second++) {
          clock.advance(1_000);
          await settle();
        }
      };
      for (const one of ops) {
        if (one.type === 'append') server.append('r', one.count);
        else if (one.type === 'cut') for (const socket of server.open) socket.cut();
        else if (one.type === 'webSockets') server.webSockets = one.work;
        else if (one.type === 'wait') await wait(one.seconds);
        else if (one.type === 'down') {
          server.up = false;
          for (const socket of server.open) socket.cut();
          await wait(one.seconds);
          server.up = true;
        } else {
          const subscription = server.open.at(-1)?.subscriptions.get('r');
          if (!subscription) continue;
          if (one.type === 'lose')
            subscription.cursor = Math.min(server.log('r').length, subscription.cursor + one.count);
          else subscription.cursor = Math.max(0, subscription.cursor - one.back);
        }
        await settle();
      }
      server.webSockets = true;
      server.up = true;
      await wait(5);
      client.reconnect();
      await settle();
      server.append('r', 1);
      await settle();
      const log = server.log('r');
      const first = seen[0]?.seq ?? 0;
      expect(seen).toEqual(log.slice(first - 1));
      expect(store.getSnapshot()).toMatchObject({
        status: 'ready',
        continuity: 'complete',
        cursor: `e1:${log.length}`,
      });
      expect(store.getSnapshot().view).toEqual(foldAll('r', log));
      expect(client.connection.getSnapshot().state).toBe('live');
      expect(server.open).toHaveLength(1);
      client.disconnect();
    }),
    { numRuns: 60 },
  );
}, 60_000);
