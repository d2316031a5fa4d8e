import { mkdtempSync, rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import { systemClock } from '../clock.ts';
import { openDatabase } from './store-sqlite-database.ts';

const folder = mkdtempSync('/tmp/storebench/x');
const { db } = openDatabase({ folder, clock: systemClock });
db.pragma('synchronous=' + (process.argv[2] ?? 'FULL'));
const RUNS = 100;
const ids = Array.from({ length: RUNS }, (_, i) => `0199a1b2-c3d4-7000-8000-${String(i).padStart(12, '0')}`);
const ins = db.prepare(
  "INSERT INTO runs (tenant, run, workflow, status, shown, summary) VALUES ('t',?,'w','running','running','{}')",
);
const insh = db.prepare('INSERT INTO heads VALUES (?,0,1,0,0)');
ids.forEach((x, i) => {
  ins.run(x);
  insh.run(i + 1);
});
const find = db.prepare(
  'SELECT r.id, h.head, h.ctl, h.at, h.ended FROM runs r JOIN heads h ON h.run=r.id WHERE r.tenant=? AND r.run=?',
);
const insert = db.prepare('INSERT INTO events (run, seq, control, text) VALUES (?, ?, ?, ?)');
const multi = db.prepare(
  'INSERT INTO events (run, seq, control, text) VALUES ' + Array(16).fill('(?,?,?,?)').join(','),
);
const move = db.prepare('UPDATE heads SET head = ?, ctl = ?, at = ?, ended = ? WHERE run = ?');
const commit = db.prepare('INSERT INTO commits VALUES (?,?,?,?)');
const text = 'x'.repeat(200);
let n = 0;
const heads = Array(RUNS).fill(0);
function lap(name: string, body: (i: number) => void, wrap = true) {
  const N = 1500;
  const tx = db.transaction((b: number) => {
    for (let i = 0; i < 64; i++) body(i);
  });
  const t = performance.now();
  for (let b = 0; b < N; b++) tx.immediate(b);
  const ms = performance.now() - t;
  console.log(name.padEnd(20), ((ms / N) * 1000).toFixed(0) + ' us/commit', Math.round((N * 64) / ms) + 'k/s');
}
let k = 0;
lap('nothing', () => {});
lap('find', () => {
  find.get('t', ids[k++ % RUNS]);
});
lap('move', () => {
  const r = k++ % RUNS;
  move.run(++heads[r], 1, k, 0, r + 1);
});
lap('insert', () => {
  const r = k++ % RUNS;
  insert.run(r + 1, ++heads[r], 0, text);
});
lap('insert again', () => {
  const r = k++ % RUNS;
  insert.run(r + 1, ++heads[r], 0, text);
});
lap('insert16', (i) => {
  if (i % 16) return;
  const a = [];
  for (let j = 0; j < 16; j++) {
    const r = k++ % RUNS;
    a.push(r + 1, ++heads[r], 0, text);
  }
  multi.run(...a);
});
lap('commits row', (i) => {
  if (i) return;
  commit.run('0199a1b2-c3d4-7000-8000-000000000001', ++n, 5, 'y'.repeat(1700));
});
lap('all', (i) => {
  const r = k++ % RUNS;
  find.get('t', ids[r]);
  insert.run(r + 1, ++heads[r], 0, text);
  move.run(heads[r], 1, k, 0, r + 1);
  if (!i) commit.run('0199a1b2-c3d4-7000-8000-000000000001', ++n, 5, 'y'.repeat(1700));
});
rmSync(folder, { recursive: true });
