import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { run } from './postgres.rig.ts';
import { postgresStores } from './postgres-stores.suite.ts';
import type { Part, PartEvent, RunKey } from './store.ts';
import type { PostgresStore } from './store-postgres.ts';
import {
  append,
  committer,
  content,
  due,
  end,
  everything,
  headOf,
  lease,
  newRun,
  queued,
  reasons,
  row,
  T0,
} from './store-samples.suite.ts';

const rig = postgresStores();
const { open } = rig;

async function two(): Promise<[PostgresStore, PostgresStore]> {
  const url = await rig.databases.ready();
  return [await open(url), await open(url)];
}

/** Numbers from 0 to `below`, the same ones for the same seed. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const asked = (limit: number) => ({ tenant: 't', tasks: [{ name: 'work' }], now: T0, limit });
const key = (run: string): RunKey => ({ tenant: 't', run });
/** An event that tells which ctl its part was decided on. */
const decided = (ctl: number, control: boolean): PartEvent => ({
  type: control ? 'node.started' : 'log',
  control,
  text: `"type":"${control ? 'node.started' : 'log'}","data":{"ctl":${ctl}}}`,
});

describe('two servers', () => {
  test('[STO-114] that write the same and different runs in opposite order: no deadlock, no hole, no stale decision', async () => {
    const url = await rig.databases.ready();
    const stores = [await open(url), await open(url)] as const;
    const names = Array.from({ length: 12 }, (_, n) => `run-${n}`);
    await committer(stores[0], 'setup')(names.map((name) => newRun(name)));
    const accepted: { run: string; first: number; count: number }[] = [];
    const refused = new Set<string>();

    // Four writers, two on each server, every one with an order of its own.
    await Promise.all(
      [0, 1, 2, 3].map(async (writer) => {
        const store = stores[writer % 2] as PostgresStore;
        const commit = committer(store, `server-${writer}`);
        const roll = dice(20_261_121 + writer);
        let sequence = 0;
        for (let round = 0; round < 60; round++) {
          const chosen = names.filter(() => roll(3) > 0);
          if (writer >= 2) chosen.reverse();
          const parts: Part[] = [];
          for (const name of chosen) {
            const ctl = (await store.runRow(key(name)))?.ctl ?? 0;
            const events = Array.from({ length: 1 + roll(3) }, () => decided(ctl, roll(8) === 0));
            const told = names[roll(names.length)] as string;
            parts.push({
              ...append(name, { fence: { ctl }, events }),
              producers: [{ id: `w${writer}`, term: 1, sequence: 1, was: null, last: 0 }].filter(() => sequence === 0),
              due: [due(told, `k${roll(4)}`)],
              ...(roll(2) === 0 ? { undueAll: true } : {}),
              slots: [
                { queue: 'q', key: `s${roll(3)}`, delta: 1 },
                { queue: 'q', key: 's9', delta: 1 },
              ],
            });
          }
          sequence += 1;
          const { parts: results } = await commit(parts);
          for (const [place, part] of parts.entries()) {
            const result = results[place];
            if (result?.ok) accepted.push({ run: part.run, first: result.first, count: part.events.length });
            else if (result) refused.add(result.reason);
          }
        }
      }),
    );

    expect(refused).toEqual(new Set(['conflict']));
    expect(await run(url, 'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()')).toEqual([
      { deadlocks: 0 },
    ]);
    let slots = 0;
    for (const name of ['s0', 's1', 's2']) slots += await stores[0].slotsUsed('t', 'q', name);
    expect([slots, await stores[1].slotsUsed('t', 'q', 's9')]).toEqual([accepted.length, accepted.length]);
    for (const name of names) {
      const page = await stores[1].readLog(key(name), 0, everything);
      const log = JSON.parse(`[${page?.text}]`) as { seq: number; type: string; data: { ctl?: number } }[];
      expect(log.map(({ seq }) => seq)).toEqual(log.map((_, place) => place + 1));
      const written = accepted.filter(({ run }) => run === name);
      const covered = written.flatMap(({ first, count }) => Array.from({ length: count }, (_, n) => first + n));
      expect(covered.sort((a, b) => a - b)).toEqual(log.slice(1).map(({ seq }) => seq));
      // A part's own control events do not change what it was decided on.
      const starts = new Map(
        written.flatMap(({ first, count }) => Array.from({ length: count }, (_, n) => [first + n, first])),
      );
      for (const { seq, data } of log.slice(1)) {
        const before = log.filter((event) => event.type !== 'log' && event.seq < (starts.get(seq) ?? 0));
        expect(data.ctl).toBe(before.at(-1)?.seq);
      }
    }
  });

  test('[STO-114] one of two that end, create, or key the same thing at the same time is told so', async () => {
    const [a, b] = await two();
    const [one, other] = [committer(a, 'a'), committer(b, 'b')];
    await one([newRun('r'), newRun('s')]);
    const both = async (parts: Part[]) => {
      const results = await Promise.all([one(parts), other([...parts].reverse())]);
      const [first, second] = results.map(reasons) as [string[], string[]];
      return parts.map((_, place) => [first[place], second[parts.length - 1 - place]].sort());
    };
    expect(await both([end('r'), end('s')])).toEqual(Array(2).fill(['ended', 'ok']));
    expect(await both([newRun('x'), newRun('y'), newRun('z')])).toEqual(Array(3).fill(['exists', 'ok']));
    const keyed = (run: string, k: string) => newRun(run, { unique: { scope: 'create', key: k, hash: 'h' } });
    const mixed = await Promise.all([
      one([keyed('k1', 'a'), keyed('k2', 'b')]),
      other([keyed('k3', 'b'), keyed('k4', 'a')]),
    ]);
    expect(mixed.flatMap(reasons).sort()).toEqual(['ok', 'ok', 'unique', 'unique']);
  });

  test('[STO-114] never take more slots, or start more in a window, than there are', async () => {
    const [a, b] = await two();
    const commits = [committer(a, 'a'), committer(b, 'b')];
    const takes = (server: number, n: number): Part =>
      newRun(`${server}-${n}`, {
        slots: [{ queue: 'q', key: 'k', delta: 1, limit: 7 }],
        starts: [{ queue: 'q', key: 'rate', limit: 9, per: 100, at: T0 }],
      });
    const results = await Promise.all(
      commits.flatMap((commit, server) => Array.from({ length: 10 }, (_, n) => commit([takes(server, n)]))),
    );
    expect(results.flatMap(reasons).filter((reason) => reason === 'ok')).toHaveLength(7);
    expect(await a.slotsUsed('t', 'q', 'k')).toBe(7);
  });

  test('[STO-115] are not shown the same queue rows: what one was shown, the other gets when it was not claimed', async () => {
    const [a, b] = await two();
    const commit = committer(a);
    await commit(Array.from({ length: 6 }, (_, n) => newRun(`r${n}`, { enqueue: [queued(`r${n}`)] })));
    const claim = async (store: PostgresStore, now = T0) =>
      (await store.claimable({ tenant: 't', tasks: [{ name: 'work' }], now, limit: 2 })).map(({ run }) => run);
    expect(await claim(a)).toEqual(['r0', 'r1']);
    expect(await claim(b)).toEqual(['r2', 'r3']);
    expect(await claim(a)).toEqual(['r0', 'r1']);
    await commit([append('r0', { dequeue: ['n'], lease: [lease('r0')] })]);
    expect(await claim(a)).toEqual(['r1', 'r4']);
    expect(await claim(b, T0 + 1_000)).toEqual(['r1', 'r2']);
  });

  test('[STO-150] that commit and ask at once are told different rows, and never deadlock', async () => {
    const url = await rig.databases.ready();
    const stores = [await open(url), await open(url)];
    const names = Array.from({ length: 60 }, (_, n) => `r${String(n).padStart(2, '0')}`);
    await committer(stores[0]!, 'setup')(names.map((name) => newRun(name, { enqueue: [queued(name)] })));
    const told = await Promise.all(
      stores.flatMap((store, server) =>
        [0, 1].map(async (writer) => {
          const commit = committer(store, `${server}-${writer}`);
          const mine: string[] = [];
          for (let found = ['']; found.length > 0; ) {
            const started = found.map((name) => append(name, { dequeue: ['n'], lease: [lease(name)] }));
            const { claimable } = await commit(started, T0, [asked(3)]);
            // Both writers of a server may be told what one of them is about to start.
            found = claimable?.[0]?.map(({ run }) => run) ?? [];
            mine.push(...found);
          }
          return mine;
        }),
      ),
    );
    const [one, other] = [new Set(told.slice(0, 2).flat()), new Set(told.slice(2).flat())];
    expect([...one, ...other].sort()).toEqual(names);
    expect(await run(url, 'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()')).toEqual([
      { deadlocks: 0 },
    ]);
  });

  test('[STO-116] see at once what the other has written and deleted', async () => {
    const [a, b] = await two();
    const commit = committer(a);
    await commit([newRun('r')]);
    expect(await b.readLog(key('r'), 0, everything)).toMatchObject({ head: 1 });
    await commit([append('r', { events: [content('more')] })]);
    expect(await b.readLog(key('r'), 1, everything)).toMatchObject({ head: 2, count: 1 });
    expect(await a.deleteRun(key('r'))).toBe(true);
    expect(await b.readLog(key('r'), 0, everything)).toBeUndefined();
    expect(await b.wasDeleted(key('r'))).toBe(true);
    expect(reasons(await committer(b, 'b')([append('r'), newRun('s')]))).toEqual(['missing', 'ok']);
  });
});

test('[STO-150] a commit waits for the disk, whatever it asked', async () => {
  const url = await rig.databases.ready();
  const ask = `[{"tenant": "t", "asked": [{"task": "work", "versions": []}], "queues": null, "now": ${T0}, "lim": 9}]`;
  await committer(await open(url))([newRun('r', { enqueue: [queued('r')] })]);
  const client = new Client(url);
  await client.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<{ found: unknown[] }>(`SELECT millrace.look_3('${ask}', 's', 300) AS found`);
    expect(rows[0]?.found).toMatchObject([{ plain: [{ run: 'r' }] }]);
    const told = await client.query<{ durable: string }>("SELECT current_setting('synchronous_commit') AS durable");
    expect(told.rows).toEqual([{ durable: 'on' }]);
  } finally {
    await client.end();
  }
});

test('[STO-117] ten servers may start at once on an empty database, and agree on its epoch', async () => {
  const url = await rig.databases.empty();
  const stores = await Promise.all(Array.from({ length: 10 }, () => open(url)));
  expect(new Set(stores.map(({ epoch }) => epoch)).size).toBe(1);
  const results = await Promise.all(stores.map((store, n) => committer(store, `s${n}`)([newRun(`r${n}`)])));
  expect(results.flatMap(reasons)).toEqual(Array(10).fill('ok'));
});

test('[STO-118] a database of a newer layout is refused only where this program cannot read it', async () => {
  const url = await rig.databases.ready();
  await run(url, "UPDATE millrace.meta SET value = '99' WHERE key = 'version'");
  expect(reasons(await committer(await open(url))([newRun('r')]))).toEqual(['ok']);
  await run(url, "UPDATE millrace.meta SET value = '99' WHERE key = 'minReader'");
  await expect(open(url)).rejects.toMatchObject({ code: 'database_too_new', facts: { minReader: 99 } });
});

test('[STO-119] the epoch stays over restarts, and is renewed where the database has another history', async () => {
  const url = await rig.databases.ready();
  const first = await open(url);
  const { epoch } = await open(url);
  expect(epoch).toBe(first.epoch);
  // As after a failover: the cluster's timeline is another than the one that was stored.
  await run(
    url,
    "UPDATE millrace.meta SET value = regexp_replace(value, '/[0-9A-F]+/', '/00000099/') WHERE key = 'lineage'",
  );
  const later = await open(url);
  expect(later.epoch > epoch).toBe(true);
  expect((await open(url)).epoch).toBe(later.epoch);
});

describe('names', () => {
  const odd = ['\u0000', 'a\u0000b', '\uffff', '\uffff0', 'é漢😀', '%_\\\'"', 'x'.repeat(200), '漢'.repeat(200)];

  test('[STO-120] may hold any character, and are found and read back as they were given', async () => {
    const [store] = await two();
    const commit = committer(store);
    for (const [n, name] of odd.entries()) {
      const about = { tenant: 't', run: name };
      const keyed = { scope: 'create', key: name, hash: 'h' };
      const work = {
        enqueue: [queued(name, { node: name, task: name, queue: name, version: name })],
        lease: [lease(name, { node: name, worker: name })],
        due: [due(name, name, { at: T0 + n })],
      };
      const shown = { owner: name, tags: [name], workflow: name };
      expect(reasons(await commit([newRun(name, { ...work, unique: keyed, row: row(name, { shown }) })]))).toEqual([
        'ok',
      ]);
      expect(await store.runRow(about)).toMatchObject({ run: name, summary: { id: name, owner: name } });
      expect((await store.runRows({ tenant: 't', owner: name, tag: name, workflow: name, limit: 9 })).total).toBe(1);
      expect(await store.unique('t', 'create', name)).toEqual({ run: name, hash: 'h' });
      const asked = { tenant: 't', tasks: [{ name, version: name }], queues: [name], now: T0, limit: 9 };
      expect(await store.claimable(asked)).toEqual(work.enqueue);
      expect((await store.due(T0 + n, 99)).at(-1)).toEqual(work.due[0]);
      expect(await store.renewLeases(name, [lease(name, { node: name })], T0)).toEqual([true]);
    }
  });

  test('[STO-120] of keys may be longer than an index takes, and times may be broken numbers', async () => {
    const [store] = await two();
    // No two characters alike, so that no compression makes it short.
    const long = Array.from({ length: 2_000 }, (_, n) => String.fromCodePoint(0x4e00 + ((n * 7_919) % 20_000))).join(
      '',
    );
    const waiting = queued('r', {
      slots: [{ key: long, limit: 1 }],
      rate: { key: long, limit: 1, per: 10.5 },
      at: T0 - 0.5,
    });
    const wait = { tenant: 't', run: 'r', id: long.slice(0, 610), kind: 'input' as const, node: 'n', workflow: 'w' };
    const part = newRun('r', {
      enqueue: [waiting],
      due: [due('r', long, { at: T0 + 0.25 })],
      waits: [{ ...wait, title: 'a\u0000b', requestedAt: T0 + 0.5 }],
    });
    const commit = committer(store);
    expect(reasons(await commit([part]))).toEqual(['ok']);
    const claim = () => store.claimable({ tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 9 });
    expect(await claim()).toEqual([waiting]);
    expect(await store.due(T0 + 1, 9)).toEqual(part.due);
    expect(await store.waits({ tenant: 't', limit: 9 })).toEqual(part.waits);
    await commit([append('r', { slots: [{ queue: 'default', key: long, delta: 1 }], undue: [long], unwaitAll: true })]);
    expect(await claim()).toEqual([]);
    expect([await store.slotsUsed('t', 'default', long), await store.nextDue()]).toEqual([1, undefined]);
  });
});

describe('partitions', () => {
  /** Makes the run one that was created long ago. */
  const age = (url: string, run_: string) =>
    run(
      url,
      `CREATE TABLE IF NOT EXISTS millrace.events_2000 (LIKE millrace.events INCLUDING ALL);
       ALTER TABLE millrace.events ATTACH PARTITION millrace.events_2000
         FOR VALUES FROM (${BigInt(2000 * WEEK) << 22n}) TO (${BigInt(2001 * WEEK) << 22n});
       UPDATE millrace.events SET run = ${(BigInt(2000 * WEEK) << 22n) + 5n}
         WHERE run = (SELECT id FROM millrace.runs WHERE run = '${run_}');
       UPDATE millrace.summaries SET run = ${(BigInt(2000 * WEEK) << 22n) + 5n}
         WHERE run = (SELECT id FROM millrace.runs WHERE run = '${run_}');
       UPDATE millrace.runs SET id = ${(BigInt(2000 * WEEK) << 22n) + 5n} WHERE run = '${run_}'`,
    );
  const partitions = async (url: string) =>
    (
      await run<{ name: string }>(
        url,
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'millrace.events'::regclass",
      )
    ).map(({ name }) => name);

  test('[STO-121] in which every run was deleted are dropped with what is left in them', async () => {
    const url = await rig.databases.ready();
    await committer(await open(url))([newRun('old'), newRun('young')]);
    await age(url, 'old');
    const store = await open(url);
    expect(await headOf(store, 'old')).toBe(1);
    await store.reclaim();
    expect(await partitions(url)).toContain('millrace.events_2000');
    expect(await store.readLog(key('old'), 0, everything)).toMatchObject({ count: 1 });
    await store.deleteRun(key('old'));
    await store.reclaim();
    expect(await partitions(url)).not.toContain('millrace.events_2000');
    expect(await store.wasDeleted(key('old'))).toBe(true);
    expect(await store.readLog(key('young'), 0, everything)).toMatchObject({ count: 1 });
  });

  test('[STO-121] that are missing are made when they are needed', async () => {
    const url = await rig.databases.ready();
    const store = await open(url);
    for (const name of await partitions(url)) await run(url, `DROP TABLE ${name}`);
    const commit = committer(store);
    expect(reasons(await commit([newRun('r'), newRun('s')]))).toEqual(['ok', 'ok']);
    expect(await headOf(store, 'r')).toBe(1);
    expect((await partitions(url)).length).toBeGreaterThan(1);
  });
});

const WEEK = 7 * 24 * 3_600_000;
