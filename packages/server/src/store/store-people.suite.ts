import { describe, expect, test } from 'vitest';
import type { DocumentRow, GrantRow, ScheduleRow, WaitQuery, WaitRow } from './store.ts';
import { fresh, type StoreFactory } from './store-factory.suite.ts';
import { append, committer, due, end, newRun, reasons, T0, wait } from './store-samples.suite.ts';

/** What people ask for across runs: the inbox, knowledge bases, schedules, links, versions. */
export function storePeopleSuite(factory: StoreFactory): void {
  const open = fresh(factory);

  describe('open waits', () => {
    async function inbox() {
      const store = await open();
      const commit = committer(store);
      const rows = [
        wait('b', 'w1', { requestedAt: T0 + 1, owner: 'ann' }),
        wait('b', 'w2', { kind: 'input', timeoutAt: T0 + 9, to: 'boss' }),
        wait('a', 'w1', { requestedAt: T0 + 1, workflow: 'other' }),
        wait('a', 'w3', { requestedAt: T0 + 1, owner: 'ann', kind: 'input' }),
      ] as const;
      await commit([newRun('b', { waits: rows.slice(0, 2) }), newRun('a', { waits: rows.slice(2) })]);
      const list = async (query: Partial<WaitQuery> = {}) =>
        (await store.waits({ tenant: 't', limit: 9, ...query })).map(({ run, id }) => `${run}.${id}`);
      return { store, commit, rows, list };
    }

    test('[STO-96] are listed over all runs, oldest first, and found by owner, kind and workflow', async () => {
      const { store, rows, list } = await inbox();
      expect(await store.waits({ tenant: 't', limit: 9 })).toEqual([rows[1], rows[2], rows[3], rows[0]]);
      expect(await list({ owner: 'ann' })).toEqual(['a.w3', 'b.w1']);
      expect(await list({ kind: 'input' })).toEqual(['b.w2', 'a.w3']);
      expect(await list({ workflow: 'other' })).toEqual(['a.w1']);
      expect(await list({ owner: 'ann', kind: 'input', workflow: 'w' })).toEqual(['a.w3']);
      expect(await list({ owner: 'nobody' })).toEqual([]);
      expect(await store.waits({ tenant: 'u', limit: 9 })).toEqual([]);
    });

    test('[STO-96] are paged by the last row seen', async () => {
      const { rows, list } = await inbox();
      expect(await list({ limit: 2 })).toEqual(['b.w2', 'a.w1']);
      expect(await list({ before: rows[2] })).toEqual(['a.w3', 'b.w1']);
      expect(await list({ before: rows[2], limit: 1 })).toEqual(['a.w3']);
      expect(await list({ before: rows[3], owner: 'ann' })).toEqual(['b.w1']);
      expect(await list({ before: rows[0] })).toEqual([]);
    });

    test('[STO-97] go with the part that ends them, one by one or with the run; asked again they are replaced', async () => {
      const { store, commit, list } = await inbox();
      await commit([append('a', { unwait: ['w1', 'none'] })]);
      expect(await list()).toEqual(['b.w2', 'a.w3', 'b.w1']);
      const again = wait('b', 'w2', { to: 'ceo', requestedAt: T0 });
      await commit([append('b', { waits: [again] }), append('a', { fence: { ctl: 9 }, unwaitAll: true })]);
      expect((await store.waits({ tenant: 't', limit: 1 }))[0]).toEqual(again);
      await commit([end('b', { unwaitAll: true })]);
      expect(await list()).toEqual(['a.w3']);
    });
  });

  test('[STO-98] the last word on a document stands, and knowledge bases count them, newest change first', async () => {
    const store = await open();
    const commit = committer(store);
    const doc = (documentId: string, about: Partial<DocumentRow> = {}): DocumentRow => ({
      ...{ kbId: 'k1', documentId, fileName: `${documentId}.pdf`, run: 'a', status: 'processing', at: T0 },
      ...about,
    });
    await commit([newRun('a', { documents: [doc('d1', { bytes: 9 }), doc('d2', { bytes: 5 })] }), newRun('b')]);
    const known = { run: 'b', at: T0 + 2, chunks: 3, embeddings: 2 };
    await commit([
      append('a', { documents: [doc('d2', { status: 'failed', at: T0 + 1, error: 'damaged' })] }),
      append('b', { documents: [doc('d1', { ...known, status: 'completed' }), doc('d1', { ...known, kbId: 'k2' })] }),
    ]);
    expect(await store.documents('t', 'k1', 9)).toEqual([
      doc('d1', { ...known, status: 'completed', bytes: 9 }),
      doc('d2', { status: 'failed', at: T0 + 1, error: 'damaged', bytes: 5 }),
    ]);
    expect(await store.documents('t', 'k1', 1)).toHaveLength(1);
    const counts = { chunks: 3, embeddings: 2, at: T0 + 2 };
    expect(await store.knowledgeBases('t', 9)).toEqual([
      { kbId: 'k1', documents: { processing: 0, completed: 1, failed: 1 }, ...counts },
      { kbId: 'k2', documents: { processing: 1, completed: 0, failed: 0 }, ...counts },
    ]);
    await commit([append('a', { documents: [doc('d1', { kbId: 'k3', at: T0 + 3 })] })]);
    expect((await store.knowledgeBases('t', 1)).map(({ kbId }) => kbId)).toEqual(['k3']);
    expect(await store.knowledgeBases('u', 9)).toEqual([]);
    expect(await store.documents('u', 'k1', 9)).toEqual([]);
  });

  test('[STO-99] schedules are kept by tenant and id, and due rows may be written without a run', async () => {
    const store = await open();
    const daily: ScheduleRow = { id: 'daily', text: '{}', enabled: true, nextAt: T0, lastRun: 'a', lastAt: T0 - 1 };
    const off: ScheduleRow = { id: 'a-off', text: '{}', enabled: false };
    await store.putSchedule('t', { ...daily, nextAt: 1 });
    await store.putSchedule('t', daily);
    await store.putSchedule('t', off);
    expect(await store.schedule('t', 'daily')).toEqual(daily);
    expect(await store.schedules('t')).toEqual([off, daily]);
    expect([await store.schedule('u', 'daily'), await store.schedules('u')]).toEqual([undefined, []]);
    expect(await store.deleteSchedule('u', 'daily')).toBe(false);
    expect(await store.deleteSchedule('t', 'daily')).toBe(true);
    expect(await store.deleteSchedule('t', 'daily')).toBe(false);
    const firing = due('', 'schedule/daily');
    await store.putDue([firing, due('other', 'k')]);
    await store.putDue([{ ...firing, at: T0 + 5 }]);
    expect(await store.due(T0 + 5, 9)).toEqual([due('other', 'k'), { ...firing, at: T0 + 5 }]);
    await store.dropDue([firing]);
    expect(await store.due(T0 + 5, 9)).toEqual([due('other', 'k')]);
  });

  describe('a grant', () => {
    const grant = (id: string, about: Partial<GrantRow> = {}): GrantRow => ({
      ...{ tenant: 't', id, run: 'r', wait: 'w', access: 'act', hide: ['content'], oneTime: true, by: 'user:ann' },
      ...{ createdAt: T0, expires: T0 + 100 },
      ...about,
    });

    test('[STO-100] is found by its id, in its tenant, and can be revoked once, before it expires', async () => {
      const store = await open();
      await store.putGrant(grant('g'));
      await store.putGrant(grant('tagged', { run: undefined, tag: 'x', access: 'read' }));
      expect(await store.grant('t', 'g')).toEqual(grant('g'));
      expect(await store.grant('t', 'tagged')).toEqual(grant('tagged', { run: undefined, tag: 'x', access: 'read' }));
      expect(await store.grant('u', 'g')).toBeUndefined();
      expect(await store.revokeGrant('u', 'g', T0)).toBe(false);
      expect(await store.revokeGrant('t', 'g', T0 + 1)).toBe(true);
      expect(await store.revokeGrant('t', 'g', T0 + 2)).toBe(false);
      expect(await store.grant('t', 'g')).toEqual(grant('g', { endedAt: T0 + 1 }));
      expect(await store.revokeGrant('t', 'tagged', T0 + 100)).toBe(false);
    });

    test('[STO-101] is spent by one part: a second answer, or one after its end, drops out and writes nothing', async () => {
      const store = await open();
      const commit = committer(store);
      await commit([newRun('r'), newRun('s')]);
      for (const id of ['g', 'late', 'revoked']) await store.putGrant(grant(id));
      await store.revokeGrant('t', 'revoked', T0);
      const spend = (run: string, id: string, at = T0 + 5) => append(run, { spend: [{ id, at }] });
      expect(reasons(await commit([spend('r', 'g'), spend('s', 'g')]))).toEqual(['ok', 'grant']);
      expect(await store.grant('t', 'g')).toMatchObject({ endedAt: T0 + 5 });
      for (const late of [spend('s', 'g'), spend('s', 'late', T0 + 100), spend('s', 'revoked'), spend('s', 'none')]) {
        expect(reasons(await commit([late]))).toEqual(['grant']);
      }
      expect(await store.grant('t', 'late')).toEqual(grant('late'));
      expect(await store.runRow({ tenant: 't', run: 's' })).toMatchObject({ head: 1 });
    });
  });

  test('[STO-102] every version of a definition is listed, the one that was stored last first', async () => {
    const store = await open();
    const stored = (hash: string, at: number) => ({ name: 'w', hash, at, text: hash });
    for (const version of [stored('h1', T0), stored('h2', T0 + 1), stored('h1', T0 + 2)]) {
      await store.putDefinition('t', version);
    }
    await store.putDefinition('t', { ...stored('h3', T0), name: 'other' });
    expect(await store.definitionVersions('t', 'w')).toEqual([stored('h1', T0 + 2), stored('h2', T0 + 1)]);
    expect(await store.definitionVersions('u', 'w')).toEqual([]);
  });

  test('[STO-97] rows of the inbox are told of one run only', async () => {
    const store = await open();
    const commit = committer(store);
    const rows: WaitRow[] = [wait('r', 'w'), wait('r', 'w', { tenant: 'u' })];
    await commit([newRun('r', { waits: rows.slice(0, 1) }), newRun('r', { tenant: 'u', waits: rows.slice(1) })]);
    await commit([append('r', { unwaitAll: true })]);
    expect(await store.waits({ tenant: 't', limit: 9 })).toEqual([]);
    expect(await store.waits({ tenant: 'u', limit: 9 })).toEqual([rows[1]]);
  });
}
