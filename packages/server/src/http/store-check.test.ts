import { MillraceError } from '@millrace/protocol';
import { afterEach, describe, expect, test } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import { type Served, serve } from './served.suite.ts';
import { StoreCheck } from './store-check.ts';

describe('[CLU-20] the ready check of a server whose database is gone', () => {
  let served: Served;
  afterEach(() => served.close());

  test('is 503 with the reason and what to do, while the server is told to be alive; and 200 by itself when it is back', async () => {
    let gone = true;
    const clock = new SimulatedClock(Date.now());
    served = await serve({
      clock,
      instrument: {
        store: (store) =>
          Object.assign(Object.create(store), {
            check: async () => {
              if (gone) throw new MillraceError('storage_unavailable', { detail: 'Nothing answers. Start Postgres.' });
            },
          }),
      },
    });
    const ready = () => served.ask('nobody', 'GET', '/api/health/ready');
    const answer = await ready();
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(answer.body).toMatchObject({ code: 'storage_unavailable', detail: 'Nothing answers. Start Postgres.' });
    expect((await served.ask('nobody', 'GET', '/api/health')).body).toMatchObject({ status: 'ok' });
    gone = false;
    clock.advance(1_000);
    expect((await ready()).body).toEqual({ status: 'ready' });
  });
});

describe('[CLU-21] the store', () => {
  test('is asked once a second, however many ask', async () => {
    const clock = new SimulatedClock();
    let asked = 0;
    const store = {
      async check() {
        asked += 1;
      },
    };
    const check = new StoreCheck(store, clock);
    await Promise.all([check.ask(), check.ask(), check.ask()]);
    expect(asked).toBe(1);
    clock.advance(1_000);
    await check.ask();
    expect(asked).toBe(2);
  });

  test('that does not answer within three seconds is not ready', async () => {
    const clock = new SimulatedClock();
    const check = new StoreCheck({ check: () => new Promise(() => {}) }, clock);
    const answer = check.ask();
    clock.advance(3_000);
    await expect(answer).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  test('that had no room within the last minute is ready, with a warning', () => {
    const clock = new SimulatedClock();
    const check = new StoreCheck({}, clock);
    check.failed(new MillraceError('run_not_found'));
    expect(check.warning()).toBeUndefined();
    check.failed(new MillraceError('storage_full', { detail: 'The disk is full. Free some.' }));
    clock.advance(60_000);
    expect(check.warning()).toBe('The disk is full. Free some.');
    clock.advance(1);
    expect(check.warning()).toBeUndefined();
  });

  test('that has nothing to check is always ready', async () => {
    await expect(new StoreCheck({}, new SimulatedClock()).ask()).resolves.toBeUndefined();
  });
});
