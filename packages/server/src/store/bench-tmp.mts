import { mkdtempSync, rmSync } from 'node:fs';
import { systemClock } from '../clock.ts';
import type { Part } from './store.ts';
import { openSqliteStore } from './store-sqlite.ts';

const tail = (i: number) => {
  const s = `"type":"log","node":"a","data":{"level":"info","message":"${String(i).padStart(8, '0')}`;
  return s + 'x'.repeat(165 - s.length) + '"}}';
};
const row = (id: string, i: number) => ({
  status: 'running' as const,
  ended: false,
  summary: {
    id,
    workflow: 'w',
    status: 'running' as const,
    seq: 0,
    createdAt: 1,
    updatedAt: 1,
    tags: ['a'],
    external: false,
    nodes: { ended: 0, total: 1 },
    openWaits: 0,
    owner: 'u' + (i % 10),
  },
});
async function bench(name: string, runs: number, per: number, sync: 'FULL' | 'NORMAL', total = 200_000) {
  const folder = mkdtempSync('/tmp/storebench/x');
  const store = openSqliteStore({ folder, clock: systemClock, synchronous: sync });
  let n = 0;
  const ids = Array.from({ length: runs }, (_, i) => `0199a1b2-c3d4-7000-8000-${String(i).padStart(12, '0')}`);
  for (let i = 0; i < runs; i += 50)
    await store.commit({
      server: 's',
      n: ++n,
      at: 1_800_000_000_000,
      parts: ids
        .slice(i, i + 50)
        .map((run, j) => ({
          tenant: 't',
          run,
          fence: 'new',
          events: [{ type: 'run.created', control: true, text: '"type":"run.created","data":{}}' }],
          row: row(run, j),
        })),
    });
  const text = tail(1);
  let k = 0;
  const parts = 64 / per;
  const laps: number[] = [];
  const t0 = performance.now();
  for (let done = 0; done < total; done += 64) {
    const ps: Part[] = [];
    for (let p = 0; p < parts; p++)
      ps.push({
        tenant: 't',
        run: ids[k++ % runs]!,
        fence: { ctl: 1 },
        events: Array.from({ length: per }, () => ({ type: 'log' as const, control: false, text })),
      });
    const r = await store.commit({ server: 's', n: ++n, at: 1_800_000_000_000 + n, parts: ps });
    if (!r.parts.every((p) => p.ok)) throw new Error('refused');
    if (done % (total / 5) < 64) {
      laps.push(performance.now());
    }
  }
  const end = performance.now();
  laps.push(end);
  const fifth = (i: number) => Math.round(total / 5 / ((laps[i + 1]! - laps[i]!) / 1000) / 1000) + 'k';
  console.log(
    name,
    sync,
    `runs ${runs}`,
    `${per}/part`,
    Math.round(total / ((end - t0) / 1000) / 1000) + 'k/s',
    'first',
    fifth(0),
    'last',
    fifth(4),
  );
  await store.close();
  rmSync(folder, { recursive: true });
}
const arg = process.argv[2];
await bench('64 parts', 100, 1, 'FULL');
await bench('64 parts', 1000, 1, 'FULL');
await bench('1 part', 1, 64, 'FULL');
await bench('1 part', 100, 64, 'FULL');
await bench('64 parts', 100, 1, 'NORMAL');
await bench('1 part', 100, 64, 'NORMAL');
