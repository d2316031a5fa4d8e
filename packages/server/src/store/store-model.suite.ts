import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LeaseRow, Part, Store } from './store.ts';
import type { StoreFactory } from './store-factory.suite.ts';
import { committer, content, control, due, everything, lease, queued, row, T0, wait } from './store-samples.suite.ts';

const tenants = ['t', 'u'];
const runs = ['a', 'b', 'c'];
const nodes = ['m', 'n'];
const time = fc.integer({ min: 0, max: 40 }).map((ms) => T0 + ms);
const node = fc.constantFrom(...nodes);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
const few = <T>(value: fc.Arbitrary<T>) => maybe(fc.array(value, { minLength: 1, maxLength: 3 }));
/** Of what mostly makes a part drop out. */
const rarely = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.array(value, { minLength: 1, maxLength: 2 }) },
  );
const distinct = (values: fc.Arbitrary<string>) => maybe(fc.uniqueArray(values, { minLength: 1, maxLength: 2 }));
const key = fc.constantFrom('k', 'l');
const waitId = fc.constantFrom('v', 'w');
/** What a queue row waits for. */
const gates = [
  {},
  { slots: [{ key: 'k', limit: 1 }] },
  { slots: [{ key: 'k', limit: 2 }] },
  {
    slots: [
      { key: 'k', limit: 2 },
      { key: 'l', limit: 1 },
    ],
  },
  { rate: { key: 'k', limit: 1, per: 20 } },
  { slots: [{ key: 'l', limit: 2 }], rate: { key: 'l', limit: 2, per: 20 } },
];
const events = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.string({ maxLength: 8, unit: 'grapheme' }).map(content) },
    { weight: 1, arbitrary: fc.constant(control()) },
  ),
  { minLength: 1, maxLength: 4 },
);

/** One part of a batch, about any of the runs; whether its fences hold is left to chance. */
const part = fc
  .record({ tenant: fc.constantFrom(...tenants), run: fc.constantFrom(...runs) })
  .chain(({ tenant, run }) => {
    const own = { tenant };
    const shown = { owner: run, tags: [run, tenant], status: 'running' as const };
    return fc.record({
      tenant: fc.constant(tenant),
      run: fc.constant(run),
      // null = the ctl that the run really has
      fence: fc.oneof(
        { weight: 5, arbitrary: fc.constant(null) },
        fc.integer({ min: 0, max: 3 }),
        fc.constant('new' as const),
      ),
      events,
      row: fc
        .record({ ended: fc.integer({ max: 9, min: 0 }).map((n) => n === 9) })
        .map(({ ended }) => row(run, { ended, shown })),
      changesRow: fc.boolean(),
      producers: rarely(
        fc.record({
          id: fc.constantFrom('p', 'q'),
          term: fc.integer({ min: 1, max: 2 }),
          sequence: fc.integer({ min: 1, max: 3 }),
          was: fc.option(fc.record({ term: fc.integer({ min: 1, max: 2 }), sequence: fc.integer({ min: 1, max: 3 }) })),
          last: fc.constant(0),
        }),
      ),
      unique: maybe(fc.record({ scope: fc.constant('s'), key: fc.constantFrom('k', 'l'), hash: fc.constant(run) })),
      enqueue: few(
        fc
          .record({
            node,
            task: fc.constantFrom('work', 'other'),
            version: maybe(fc.constant('2')),
            queue: fc.constantFrom('x', 'y'),
            priority: fc.nat(2),
            at: time,
            gate: fc.constantFrom(...gates),
          })
          .map(({ version, gate, ...about }) =>
            queued(run, { ...own, ...about, ...gate, ...(version === undefined ? {} : { version }) }),
          ),
      ),
      dequeue: distinct(node),
      dequeueAll: maybe(fc.boolean()),
      lease: few(
        fc
          .record({ node, attempt: fc.integer({ min: 1, max: 2 }), expires: time })
          .map((about) => lease(run, { ...own, ...about })),
      ),
      release: distinct(node),
      expired: rarely(fc.record({ node, attempt: fc.integer({ min: 1, max: 2 }), at: time })),
      due: few(
        fc
          .record({ run: fc.constantFrom(...runs), key: fc.constantFrom('d', 'e'), at: time })
          .map(({ run: told, ...about }) => due(told, about.key, { ...own, ...about })),
      ),
      undue: distinct(fc.constantFrom('d', 'e')),
      undueAll: maybe(fc.boolean()),
      slots: few(
        fc.record(
          {
            queue: fc.constant('x'),
            key,
            delta: fc.integer({ min: -2, max: 2 }),
            limit: fc.integer({ min: 0, max: 3 }),
          },
          { requiredKeys: ['queue', 'key', 'delta'] },
        ),
      ),
      starts: few(
        fc.record({
          queue: fc.constant('x'),
          key,
          limit: fc.integer({ min: 1, max: 4 }),
          per: fc.constant(20),
          at: time,
        }),
      ),
      waits: few(
        fc
          .record({ id: waitId, kind: fc.constantFrom('approval' as const, 'input' as const), requestedAt: time })
          .map(({ id, ...about }) => wait(run, id, { ...own, ...about, ...(id === 'v' ? { owner: run } : {}) })),
      ),
      unwait: distinct(waitId),
      unwaitAll: maybe(fc.boolean()),
      documents: few(
        fc.record(
          {
            kbId: fc.constantFrom('kb', 'kc'),
            documentId: fc.constantFrom('d', 'e', 'é'),
            fileName: fc.constant('f'),
            run: fc.constant(run),
            status: fc.constantFrom('processing' as const, 'completed' as const, 'failed' as const),
            at: time,
            bytes: fc.nat(9),
            chunks: fc.nat(9),
          },
          { requiredKeys: ['kbId', 'documentId', 'fileName', 'run', 'status', 'at'] },
        ),
      ),
      spend: rarely(fc.record({ id: fc.constantFrom('g', 'h'), at: time })),
    });
  });

type RandomPart = typeof part extends fc.Arbitrary<infer P> ? P : never;

const other = fc.record({
  what: fc.constantFrom(...(['delete', 'hold', 'due', 'schedule', 'unschedule', 'grant', 'revoke', 'define'] as const)),
  key: fc.record({ tenant: fc.constantFrom(...tenants), run: fc.constantFrom(...runs) }),
  id: fc.constantFrom('g', 'h'),
  on: fc.boolean(),
});

export const batch = fc.record({
  parts: fc.uniqueArray(part, { maxLength: 4, selector: (one) => `${one.tenant}/${one.run}` }),
  wait: fc.nat(10),
  renew: few(fc.record({ run: fc.constantFrom(...runs), node, attempt: fc.integer({ min: 1, max: 2 }) })),
  drop: few(fc.record({ run: fc.constantFrom(...runs), key: fc.constantFrom('d', 'e') })),
  other: fc.option(other, { nil: undefined, freq: 1 }),
});

/** Everything that changes a store outside of a batch. */
type Other = typeof other extends fc.Arbitrary<infer O> ? O : never;

export function change(store: Store, now: number, { what, key, id, on }: Other): Promise<unknown> {
  const about = { hide: [], oneTime: true, by: 'user:ann', createdAt: now, access: 'act' as const };
  switch (what) {
    case 'delete':
      return store.deleteRun(key);
    case 'hold':
      return store.hold(key, on);
    case 'due':
      return store.putDue([{ ...key, key: id, at: now, command: '{}' }]);
    case 'schedule':
      return store.putSchedule(key.tenant, { id, text: key.run, enabled: on, ...(on ? { nextAt: now } : {}) });
    case 'unschedule':
      return store.deleteSchedule(key.tenant, id);
    case 'grant':
      return store.putGrant({ ...key, id, expires: now + 10, ...about });
    case 'revoke':
      return store.revokeGrant(key.tenant, id, now);
    case 'define':
      return store.putDefinition(key.tenant, { name: id, hash: key.run, at: now, text: '{}' });
  }
}

export async function settle(store: Store, { fence, changesRow, row, ...about }: RandomPart): Promise<Part> {
  const now = await store.runRow(about);
  const decided = fence === null ? (now ? { ctl: now.ctl } : ('new' as const)) : fence;
  const part: Part = { ...about, fence: typeof decided === 'number' ? { ctl: decided } : decided } as Part;
  return changesRow || part.fence === 'new' ? { ...part, row } : part;
}

/** Leases that end at the same time have no order among themselves. */
const byEnd = (a: LeaseRow, b: LeaseRow) => a.expires - b.expires || JSON.stringify(a).localeCompare(JSON.stringify(b));

/** Everything that can be read of a store of the model's tenants, runs and nodes. */
export async function readAll(store: Store, now: number): Promise<Record<string, unknown>> {
  const tasks = [{ name: 'work', version: '2' }, { name: 'other' }];
  const ofRuns = tenants.flatMap((tenant) => runs.map((run) => ({ tenant, run })));
  return {
    commits: await store.commitsAfter('s1', 0, 1_000),
    runs: await Promise.all(
      ofRuns.map(async (key) => [
        await store.runRow(key),
        await store.readLog(key, 0, everything),
        await store.readLog(key, 1, { events: 3, bytes: 150 }),
        await store.readControl(key, 0, everything),
        await store.readControl(key, 1, { events: 2, bytes: 100 }),
        await store.producer(key, 'p'),
        await store.producer(key, 'q'),
        await store.wasDeleted(key),
      ]),
    ),
    tenants: await Promise.all(
      tenants.map(async (tenant) => [
        await store.runRows({ tenant, limit: 10 }),
        await store.runRows({ tenant, limit: 1, tag: 'b', status: ['running'] }),
        await store.runRows({ tenant, limit: 2, before: 'b' }),
        await store.unique(tenant, 's', 'k'),
        await store.claimable({ tenant, tasks, now, limit: 100 }),
        await store.claimable({ tenant, tasks, queues: ['y'], now: T0 + 1_000, limit: 2 }),
        await store.slotsUsed(tenant, 'x', 'k'),
        await store.slotsUsed(tenant, 'x', 'l'),
        await store.waits({ tenant, limit: 100 }),
        await store.waits({ tenant, limit: 2, owner: 'b', before: { requestedAt: T0 + 9, run: 'a', id: 'w' } }),
        await store.waits({ tenant, limit: 2, kind: 'input', workflow: 'w' }),
        await store.knowledgeBases(tenant, 9),
        await store.documents(tenant, 'kb', 9),
        await store.schedules(tenant),
        await store.schedule(tenant, 'g'),
        await store.grant(tenant, 'g'),
        await store.grant(tenant, 'h'),
        await store.definitionVersions(tenant, 'g'),
        await store.definitions(tenant),
      ]),
    ),
    leases: (await store.leases({ limit: 1_000 })).sort(byEnd),
    expired: (await store.leases({ expiredAt: now, worker: 'w1', limit: 1_000 })).sort(byEnd),
    silent: [
      await store.silentRuns({ status: ['running'], before: now - 5, limit: 9 }),
      await store.silentRuns({ status: ['running', 'completed'], before: now, external: false, limit: 2 }),
    ],
    due: await store.due(now, 1_000),
    next: [await store.nextDue(), await store.nextClaimable(now)],
  };
}

/** Random batches leave the same answers and the same contents in a store as in the reference model. */
export function storeModelSuite(name: string, reference: StoreFactory, factory: StoreFactory, numRuns = 200): void {
  describe(name, () => {
    test('[STO-47] behaves like the reference model under random batches', async () => {
      const run = fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 12 }), async (batches) => {
        const [model, store] = [await reference(), await factory()];
        try {
          const [commitModel, commitStore] = [committer(model), committer(store)];
          let now = T0;
          for (const { parts, wait, renew = [], drop = [], other } of batches) {
            now += wait;
            const settled = await Promise.all(parts.map((one) => settle(model, one)));
            const asks = tenants.map((tenant) => ({ tenant, tasks: [{ name: 'work' }], now, limit: 3 }));
            expect(await commitStore(settled, now, asks)).toEqual(await commitModel(settled, now, asks));
            if (other) expect(await change(store, now, other)).toEqual(await change(model, now, other));
            const renewed = renew.map((key) => lease(key.run, key));
            expect(await store.renewLeases('w1', renewed, now + 20)).toEqual(
              await model.renewLeases('w1', renewed, now + 20),
            );
            const dropped = drop.map((key) => ({ tenant: 't', ...key }));
            await Promise.all([store.dropDue(dropped), model.dropDue(dropped)]);
          }
          expect(await readAll(store, now)).toEqual(await readAll(model, now));
        } finally {
          await Promise.all([model.close(), store.close()]);
        }
      });
      await fc.assert(run, { seed: 20_261_121, numRuns });
    });
  });
}
