import { describe, expect, test } from 'vitest';
import { fresh, type StoreFactory } from './store-factory.suite.ts';
import { append, committer, newRun, T0 } from './store-samples.suite.ts';

/** Where servers look for batches whose hints were lost. */
export function storeCommitsSuite(name: string, factory: StoreFactory): void {
  describe(name, () => {
    const open = fresh(factory);
    const byServer = (rows: { server: string; n: number }[]) => rows.sort((a, b) => (a.server < b.server ? -1 : 1));

    test('[STO-127] tells the newest batch of each server that committed of late', async () => {
      const store = await open();
      const [one, two, three] = ['one', 'two', 'three'].map((server) => committer(store, server));
      await one?.([newRun('a')], T0);
      await two?.([newRun('b')], T0 + 5);
      await two?.([append('b')], T0 + 10);
      await three?.([], T0 + 20);
      expect(byServer(await store.lastCommits(T0))).toEqual([
        { server: 'one', n: 1 },
        { server: 'three', n: 1 },
        { server: 'two', n: 2 },
      ]);
      expect(byServer(await store.lastCommits(T0 + 10))).toEqual([
        { server: 'three', n: 1 },
        { server: 'two', n: 2 },
      ]);
      expect(await store.lastCommits(T0 + 21)).toEqual([]);
    });
  });
}
