import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../clock.ts';
import { busSuite, covered, events } from './bus.suite.ts';
import { type BusMessage, topics } from './bus.ts';
import { openPostgresBus, type PostgresBus } from './bus-postgres.ts';
import { Bouncer } from './pgbouncer.rig.ts';
import { PostgresProcess } from './postgres.rig.ts';

const patience = { timeout: 15_000, interval: 20 };
let counted = new Map<string, number>();
const open: PostgresBus[] = [];
let servers = 0;

async function end(url: string): Promise<PostgresBus> {
  servers += 1;
  const own = counted;
  const bus = await openPostgresBus({
    ...{ url, server: `server${servers}`, clock: systemClock, random: () => 0 },
    count: (name, by = 1) => own.set(name, (own.get(name) ?? 0) + by),
  });
  open.push(bus);
  return bus;
}

let postgres: PostgresProcess;
beforeAll(async () => {
  postgres = await PostgresProcess.start();
});
afterAll(() => postgres.remove());
afterEach(async () => {
  for (const bus of open.splice(0)) await bus.close();
  counted = new Map();
});

busSuite('Postgres', async () => ({
  publisher: await end(postgres.url()),
  listener: await end(postgres.url()),
  whole: false,
  // One LISTEN serves every topic, and stands when the bus is open.
  joined: async () => {},
}));

/** What goes over Postgres, as somebody else on the database hears it. */
async function overheard(): Promise<string[]> {
  const client = new Client({ connectionString: postgres.url() });
  await client.connect();
  onTestFinished(() => client.end());
  const payloads: string[] = [];
  client.on('notification', ({ payload = '' }) => void (payload.startsWith('beat') || payloads.push(payload)));
  await client.query('LISTEN millrace');
  return payloads;
}

describe('over Postgres', () => {
  test('[CLU-10] what is published while a notification is under way goes out as one, ranges of a run joined', async () => {
    const [one, two] = [await end(postgres.url()), await end(postgres.url())];
    const payloads = await overheard();
    const heard: BusMessage[] = [];
    two.subscribe(topics.run('t', 'a'), (message) => heard.push(message));
    for (let seq = 1; seq <= 100; seq += 1) {
      one.publish([{ ...events('a', seq), ended: seq === 100 }]);
      // As commits come: one in each turn of the loop.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await vi.waitFor(() => expect(heard.at(-1)).toMatchObject({ through: 100, ended: true }), patience);
    expect(heard.flatMap(covered)).toEqual(Array.from({ length: 100 }, (_, place) => place + 1));
    expect(payloads.length).toBeLessThan(100);
    expect(payloads.join()).not.toContain('"seq"');
  });

  test('[CLU-11] more runs than a notification can name are told by the bare word to look', async () => {
    const [one, two] = [await end(postgres.url()), await end(postgres.url())];
    const payloads = await overheard();
    let woken = 0;
    two.subscribe(topics.wake, () => {
      woken += 1;
    });
    const many = Array.from({ length: 300 }, (_, place) =>
      events(`0190a1b2-c3d4-7e5f-8a9b-${place}`.padEnd(36, '0'), 1),
    );
    one.publish(many);
    await vi.waitFor(() => expect(woken).toBe(1), patience);
    one.publish([...many, ...many.map((message) => ({ ...message, topic: `${message.topic}x` }))]);
    await vi.waitFor(() => expect(woken).toBe(2), patience);
    expect(payloads.map((payload) => JSON.parse(payload))).toEqual([
      { from: expect.any(String), look: true },
      { from: expect.any(String), look: true },
    ]);
  });

  test('[CLU-12] a changed row wakes servers with a list of its tenant, and no others', async () => {
    const [one, two, three] = [await end(postgres.url()), await end(postgres.url()), await end(postgres.url())];
    const woken: string[] = [];
    two.subscribe(topics.wake, () => woken.push('two'));
    three.subscribe(topics.wake, () => woken.push('three'));
    two.subscribe(topics.rows('t'), () => undefined);
    three.subscribe(topics.rows('other'), () => undefined);
    const order: string[] = [];
    three.subscribe(topics.run('t', 'a'), () => order.push('events'));
    const row = { kind: 'row', topic: topics.rows('t'), tenant: 't', row: {} } as BusMessage;
    one.publish([row, events('a', 1)]);
    await vi.waitFor(() => expect([woken, order]).toEqual([['two'], ['events']]), patience);
  });

  test('[CLU-5] when Postgres has restarted the bus is there again, and wake says that some was missed', async () => {
    const [one, two] = [await end(postgres.url()), await end(postgres.url())];
    let woken = 0;
    two.subscribe(topics.wake, () => {
      woken += 1;
    });
    await postgres.stop();
    await vi.waitFor(() => expect(one.trouble()).toContain('DATABASE_URL'), patience);
    const local: number[] = [];
    one.subscribe(topics.run('t', 'a'), (message) => local.push(...covered(message)));
    one.publish([events('a', 1)]);
    expect(local).toEqual([1]);
    await vi.waitFor(() => expect(counted.get('bus_dropped_total')).toBe(1));
    await postgres.start();
    await vi.waitFor(() => expect([one.trouble(), two.trouble()]).toEqual([undefined, undefined]), patience);
    expect(woken).toBe(1);
    const heard: number[] = [];
    two.subscribe(topics.run('t', 'a'), (message) => heard.push(...covered(message)));
    one.publish([events('a', 2)]);
    await vi.waitFor(() => expect(heard).toEqual([2]), patience);
  });
});

describe('behind pgbouncer', () => {
  let bouncer: Bouncer;
  afterEach(() => bouncer.stop());

  test('[CLU-13] in transaction mode, where notifications are lost, the start is refused and says what to do', async () => {
    bouncer = await Bouncer.start(postgres, 'transaction');
    const refusal = end(bouncer.url);
    await expect(refusal).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(refusal).rejects.toThrow(/DATABASE_URL leads to a pooler .* pgbouncer .* Set REDIS_URL/);
  });

  test('[CLU-13] in session mode it works', async () => {
    bouncer = await Bouncer.start(postgres, 'session');
    const [one, two] = [await end(bouncer.url), await end(bouncer.url)];
    const heard: number[] = [];
    two.subscribe(topics.run('t', 'a'), (message) => heard.push(...covered(message)));
    one.publish([events('a', 1)]);
    await vi.waitFor(() => expect(heard).toEqual([1]), patience);
  });
});
