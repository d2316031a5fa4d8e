import { describe, expect, test } from 'vitest';
import type { Batch, Part } from './store.ts';
import { fresh, type StoreFactory } from './store-factory.suite.ts';
import {
  append,
  committer,
  content,
  control,
  end,
  everything,
  headOf,
  logOf,
  newRun,
  queued,
  reasons,
  row,
  T0,
} from './store-samples.suite.ts';

/** Batches, fences and the log. */
export function storeLogSuite(factory: StoreFactory): void {
  const open = fresh(factory);
  const key = { tenant: 't', run: 'r' };

  describe('a commit', () => {
    test('[STO-1] gives the events of a run 1, 2, 3, … without a hole, and answers the first of each part', async () => {
      const store = await open();
      const commit = committer(store);
      expect(await commit([newRun('r', { events: [control('run.created'), content()] })])).toEqual({
        parts: [{ ok: true, first: 1, at: T0 }],
      });
      expect((await commit([append('r', { events: [content('a'), content('b')] })], T0 + 5)).parts).toEqual([
        { ok: true, first: 3, at: T0 + 5 },
      ]);
      const seqs = JSON.parse(`[${await logOf(store, 'r')}]`).map((event: { seq: number }) => event.seq);
      expect(seqs).toEqual([1, 2, 3, 4]);
    });

    test('[STO-2] never lets time run back in a log', async () => {
      const store = await open();
      const commit = committer(store);
      await commit([newRun('r')], T0 + 100);
      expect((await commit([append('r')], T0)).parts).toEqual([{ ok: true, first: 2, at: T0 + 100 }]);
      expect((await commit([append('r')], T0 + 101)).parts).toEqual([{ ok: true, first: 3, at: T0 + 101 }]);
      const ats = JSON.parse(`[${await logOf(store, 'r')}]`).map((event: { at: number }) => event.at);
      expect(ats).toEqual([T0 + 100, T0 + 100, T0 + 101]);
      expect(await store.runRow(key)).toMatchObject({ at: T0 + 101 });
    });

    test('[STO-3] keeps the text of every event byte for byte', async () => {
      const store = await open();
      const odd = `"type":"log" , "data" : {"message":"\\u00e9 é 漢字 😀 \\ud83d","n":1.0,"n":1e2}}`;
      await committer(store)([newRun('r', { events: [{ type: 'log', control: true, text: odd }] })]);
      expect(await logOf(store, 'r')).toBe(`{"seq":1,"at":${T0},${odd}`);
    });

    test('[STO-4] of a new run is refused where there is one, and of a missing run where there is none', async () => {
      const store = await open();
      const commit = committer(store);
      expect(reasons(await commit([newRun('r'), append('other')]))).toEqual(['ok', 'missing']);
      expect(reasons(await commit([newRun('r')]))).toEqual(['exists']);
      expect(await store.readLog({ tenant: 't', run: 'other' }, 0, everything)).toBeUndefined();
      expect(await headOf(store, 'r')).toBe(1);
    });

    test('[STO-5] drops a part whose ctl has moved, alone: its neighbours are written', async () => {
      const store = await open();
      const commit = committer(store);
      await commit([newRun('a'), newRun('b'), newRun('c')]);
      await commit([append('b', { events: [control()] })]);
      const stale = append('b', { enqueue: [queued('b')], row: row('b', { status: 'paused' }) });
      expect(reasons(await commit([append('a'), stale, append('c')]))).toEqual(['ok', 'conflict', 'ok']);
      expect(await Promise.all(['a', 'b', 'c'].map((run) => headOf(store, run)))).toEqual([2, 2, 2]);
      expect(await store.runRow({ tenant: 't', run: 'b' })).toMatchObject({ status: 'running', ctl: 2 });
      expect(await store.claimable({ tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 9 })).toEqual([]);
    });

    test('[STO-6] of content does not move ctl: streams never conflict with each other', async () => {
      const store = await open();
      const commit = committer(store);
      await commit([newRun('r')]);
      for (let n = 0; n < 3; n++) expect(reasons(await commit([append('r')]))).toEqual(['ok']);
      expect(await store.runRow(key)).toMatchObject({ head: 4, ctl: 1 });
      await commit([append('r', { events: [content(), control(), content()] })]);
      expect(await store.runRow(key)).toMatchObject({ head: 7, ctl: 6 });
    });

    test('[STO-7] to a run that has ended is refused, whatever ctl it was decided on', async () => {
      const store = await open();
      const commit = committer(store);
      await commit([newRun('r')]);
      await commit([end('r')]);
      expect(reasons(await commit([append('r')]))).toEqual(['ended']);
      expect(reasons(await commit([append('r', { fence: { ctl: 2 } })]))).toEqual(['ended']);
      expect(await store.readLog(key, 0, everything)).toMatchObject({ head: 2, ended: true });
    });

    test('[STO-8] that throws leaves nothing behind', async () => {
      const store = await open();
      const commit = committer(store);
      await commit([newRun('a'), newRun('c')]);
      const broken: Part = append('c');
      Object.defineProperty(broken, 'events', {
        enumerable: true,
        get: () => {
          throw new Error('broken');
        },
      });
      const batch: Batch = { server: 's2', n: 1, at: T0 + 9, parts: [append('a'), newRun('b'), broken] };
      await expect(store.commit(batch)).rejects.toThrow('broken');
      await expect(
        store.commit({ ...batch, parts: [append('a'), newRun('b', { row: undefined as never })] }),
      ).rejects.toThrow();
      expect(await store.readLog({ tenant: 't', run: 'a' }, 0, everything)).toMatchObject({ head: 1, at: T0 });
      expect(await store.runRow({ tenant: 't', run: 'b' })).toBeUndefined();
      expect(await store.commitsAfter('s2', 0, 10)).toEqual([]);
      expect(reasons(await commit([append('a'), newRun('b')]))).toEqual(['ok', 'ok']);
      expect(await headOf(store, 'a')).toBe(2);
    });

    test('[STO-9] that is repeated writes nothing twice and is answered as the first time', async () => {
      const store = await open();
      const batch = { server: 's', n: 1, at: T0, parts: [newRun('r'), append('missing')] };
      const first = await store.commit(batch);
      expect(reasons(first)).toEqual(['ok', 'missing']);
      expect(await store.commit({ ...batch, at: T0 + 50 })).toEqual(first);
      expect(await headOf(store, 'r')).toBe(1);
      expect(reasons(await store.commit({ ...batch, server: 'another boot' }))).toEqual(['exists', 'missing']);
      expect(reasons(await store.commit({ ...batch, n: 2 }))).toEqual(['exists', 'missing']);
    });

    test('[STO-10] leaves a row that names the head of every run it wrote to', async () => {
      const store = await open();
      const commit = committer(store, 'boot');
      await commit([newRun('a'), newRun('b')]);
      await commit([append('a'), append('missing')], T0 + 1);
      await commit([], T0 + 2);
      await committer(store, 'other')([append('b')]);
      expect(await store.commitsAfter('boot', 1, 10)).toEqual([
        { server: 'boot', n: 2, at: T0 + 1, heads: [{ tenant: 't', run: 'a', head: 2 }] },
        { server: 'boot', n: 3, at: T0 + 2, heads: [] },
      ]);
      expect((await store.commitsAfter('boot', 0, 1))[0]?.heads).toEqual([
        { tenant: 't', run: 'a', head: 1 },
        { tenant: 't', run: 'b', head: 1 },
      ]);
      expect(await store.commitsAfter('unknown', 0, 10)).toEqual([]);
    });

    test('[STO-129] tells how far the logs that are asked for reach, by place', async () => {
      const store = await open();
      await committer(store)([newRun('a', { events: [control('run.created'), content()] }), newRun('b')]);
      const keys = [key, { tenant: 't', run: 'b' }, { tenant: 'u', run: 'a' }, { tenant: 't', run: 'a' }];
      expect(await store.heads(keys)).toEqual([undefined, { head: 1, ctl: 1 }, undefined, { head: 2, ctl: 1 }]);
      expect(await store.heads([])).toEqual([]);
    });

    test('a part without events may move rows', async () => {
      const store = await open();
      const commit = committer(store);
      await commit([newRun('r')]);
      expect((await commit([append('r', { events: [], enqueue: [queued('r')] })])).parts).toEqual([
        { ok: true, first: 2, at: T0 },
      ]);
      expect(await store.runRow(key)).toMatchObject({ head: 1, ctl: 1 });
      expect(await store.claimable({ tenant: 't', tasks: [{ name: 'work' }], now: T0, limit: 9 })).toHaveLength(1);
    });
  });

  describe('reading a log', () => {
    async function logged() {
      const store = await open();
      // seq 1 control, 2–4 content, 5 control, 6 content
      const events = [control('run.created'), content('a'), content('é'), content('c'), control(), content('f')];
      await committer(store)([newRun('r', { events })]);
      const texts = events.map(({ text }, place) => `{"seq":${place + 1},"at":${T0},${text}`);
      const rest = { head: 6, ctl: 5, at: T0, ended: false };
      return { store, texts, rest };
    }

    test('[STO-11] answers the stored texts after a place, joined by commas, within both limits', async () => {
      const { store, texts, rest } = await logged();
      const page = await store.readLog(key, 1, { events: 2, bytes: 10_000 });
      expect(page).toEqual({ seq: 2, through: 3, count: 2, text: texts.slice(1, 3).join(','), ...rest });
      const fits = Buffer.byteLength(texts.slice(1, 3).join(','));
      expect(await store.readLog(key, 1, { events: 9, bytes: fits })).toMatchObject({ through: 3, count: 2 });
      expect(await store.readLog(key, 1, { events: 9, bytes: fits - 1 })).toMatchObject({ through: 2, count: 1 });
      expect(await store.readLog(key, 0, everything)).toMatchObject({ seq: 1, through: 6, text: texts.join(',') });
    });

    test('[STO-12] always gives one event where there is one, however large', async () => {
      const { store } = await logged();
      expect(await store.readLog(key, 2, { events: 1, bytes: 1 })).toMatchObject({ seq: 3, through: 3, count: 1 });
      expect(await store.readControl(key, 1, { events: 1, bytes: 1 })).toMatchObject({ seq: 2, through: 6, count: 1 });
    });

    test('[STO-13] at or beyond the head answers an empty page that tells the head', async () => {
      const { store, rest } = await logged();
      expect(await store.readLog(key, 6, everything)).toEqual({ seq: 7, through: 6, count: 0, text: '', ...rest });
      expect(await store.readLog(key, 99, everything)).toEqual({ seq: 100, through: 99, count: 0, text: '', ...rest });
      expect(await store.readControl(key, 99, everything)).toEqual({
        seq: 100,
        through: 99,
        count: 0,
        text: '',
        ...rest,
      });
      expect(await store.readLog({ tenant: 't', run: 'none' }, 0, everything)).toBeUndefined();
      expect(await store.readControl({ tenant: 't', run: 'none' }, 0, everything)).toBeUndefined();
    });

    test('[STO-14] of control events alone covers the content between them, and the head when all were read', async () => {
      const { store, texts, rest } = await logged();
      expect(await store.readControl(key, 0, { events: 1, bytes: 10_000 })).toEqual({
        seq: 1,
        through: 1,
        count: 1,
        text: texts[0],
        ...rest,
      });
      expect(await store.readControl(key, 1, everything)).toEqual({
        seq: 2,
        through: 6,
        count: 1,
        text: texts[4],
        ...rest,
      });
      expect(await store.readControl(key, 5, everything)).toEqual({ seq: 6, through: 6, count: 0, text: '', ...rest });
    });

    test('[STO-160] of control events alone is whole wherever it begins and ends in a long log', async () => {
      const store = await open();
      const seqs = [1, 2, 100, 255, 256, 257, 258, 400, 650];
      const events = Array.from({ length: 700 }, (_, n) => (seqs.includes(n + 1) ? control() : content()));
      await committer(store)([newRun('r', { events })]);
      const read = async (after: number, limit: number) => {
        const page = await store.readControl(key, after, { events: limit, bytes: 1_000_000 });
        const found = JSON.parse(`[${page?.text}]`) as { seq: number }[];
        return [found.map(({ seq }) => seq), page?.through];
      };
      for (const after of [0, 1, 99, 254, 255, 256, 257, 649, 650, 700]) {
        const left = seqs.filter((seq) => seq > after);
        for (const limit of [1, 2, 3, 100]) {
          const expected = left.slice(0, limit);
          expect(await read(after, limit)).toEqual([expected, left.length > limit ? expected.at(-1) : 700]);
        }
      }
    });
  });

  describe('a snapshot', () => {
    test('[STO-15] is the newest of its kind, and none where another fold made it', async () => {
      const store = await open();
      await committer(store)([newRun('r')]);
      await store.writeSnapshot(key, 'view', { seq: 5, fold: 1, text: 'five' });
      await store.writeSnapshot(key, 'view', { seq: 4, fold: 1, text: 'four' });
      await store.writeSnapshot(key, 'control', { seq: 3, fold: 1, text: 'three' });
      expect(await store.readSnapshot(key, 'view', 1)).toEqual({ seq: 5, fold: 1, text: 'five' });
      expect(await store.readSnapshot(key, 'control', 1)).toEqual({ seq: 3, fold: 1, text: 'three' });
      expect(await store.readSnapshot(key, 'view', 2)).toBeUndefined();
      await store.writeSnapshot(key, 'view', { seq: 2, fold: 2, text: 'another fold' });
      expect(await store.readSnapshot(key, 'view', 1)).toBeUndefined();
      expect(await store.readSnapshot(key, 'view', 2)).toMatchObject({ text: 'another fold' });
    });

    test('of a run that does not exist is not kept', async () => {
      const store = await open();
      await store.writeSnapshot(key, 'view', { seq: 1, fold: 1, text: 'x' });
      await committer(store)([newRun('r')]);
      expect(await store.readSnapshot(key, 'view', 1)).toBeUndefined();
    });
  });
}
