import { describe, expect, test } from 'vitest';
import type { ClaimRequest, CommitResult } from './store.ts';
import { fresh, type StoreFactory } from './store-factory.suite.ts';
import { append, committer, end, newRun, queued, reasons, T0 } from './store-samples.suite.ts';

const ask = (about: Partial<ClaimRequest> = {}): ClaimRequest => ({
  ...{ tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 100 },
  ...about,
});

/** What the commit found for each of its asks. */
const found = ({ claimable }: CommitResult) => claimable?.map((rows) => rows.map(({ run }) => run));

/** Looks into the queue that go with a commit. */
export function storeLooksSuite(factory: StoreFactory): void {
  const open = fresh(factory);

  describe('a commit that asks', () => {
    test('[STO-148] is told what may be claimed as it leaves the queue: what it added, not what it removed', async () => {
      const store = await open();
      const commit = committer(store);
      const queue = ['a', 'b', 'c'].map((run) => newRun(run, { enqueue: [queued(run)] }));
      expect(found(await commit(queue, T0, [ask({ limit: 2 })]))).toEqual([['a', 'b']]);
      const urgent = queued('d', { priority: 9 });
      const parts = [append('a', { dequeue: ['n'] }), newRun('d', { enqueue: [urgent] }), newRun('b'), append('none')];
      const result = await commit(parts, T0, [ask(), ask({ limit: 1 })]);
      expect(reasons(result)).toEqual(['ok', 'ok', 'exists', 'missing']);
      expect(result.claimable).toEqual([[urgent, queued('b'), queued('c')], [urgent]]);
      expect(await commit([end('a')])).not.toHaveProperty('claimable');
      const rest = await commit([], T0, [ask()]);
      expect(rest.claimable).toEqual([await store.claimable(ask())]);
    });

    test('[STO-148] gets what a claim gets: its tenant, tasks, versions and queues, past no delay, slot or rate', async () => {
      const store = await open();
      const name = 'n\u0000\uffff"\\';
      const odd = queued(`run ${name}`, { node: name, task: name, version: name, queue: name });
      const slots = [{ key: name, limit: 1 }];
      const rate = { key: 'r', limit: 1, per: 100 };
      const rows = [
        odd,
        queued('slot', { priority: 2, slots }),
        queued('taken', { slots }),
        queued('late', { at: T0 + 50 }),
        queued('rate', { rate }),
        queued('over', { rate }),
        queued('slow', { queue: 'slow', at: T0 + 0.5 }),
      ];
      const parts = rows.map((row) => newRun(row.run, { enqueue: [row] }));
      const asks = [
        ask(),
        ask({ tenant: 'u' }),
        ask({ tasks: [{ name, version: name }], queues: [name] }),
        ask({ tasks: [{ name, version: '2' }] }),
        ask({ queues: ['slow'], now: T0 + 1 }),
        ask({ limit: 1 }),
      ];
      const { claimable } = await committer(store)(parts, T0, asks);
      expect(claimable).toEqual([[rows[1], rows[4]], [], [odd], [], [rows[6]], [rows[1]]]);
    });

    test('[STO-149] is written once when it is repeated, and answered for its parts as the first time', async () => {
      const store = await open();
      const parts = [newRun('r', { enqueue: [queued('r')] }), append('missing')];
      const batch = { server: 's', n: 1, at: T0, parts, asks: [ask()] };
      const first = await store.commit(batch);
      expect(found(first)).toEqual([['r']]);
      expect((await store.commit(batch)).parts).toEqual(first.parts);
      expect(await store.commitsAfter('s', 0, 9)).toHaveLength(1);
      expect(await store.claimable(ask())).toEqual([queued('r')]);
    });
  });
}
