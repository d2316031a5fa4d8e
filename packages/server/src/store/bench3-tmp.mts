import { mkdtempSync, rmSync } from 'node:fs';
import Database from 'better-sqlite3';

for (const sync of ['FULL', 'NORMAL'])
  for (const ps of [1024, 2048, 4096, 8192]) {
    const folder = mkdtempSync('/tmp/storebench/x');
    const db = new Database(folder + '/a.db');
    db.pragma('page_size=' + ps);
    db.pragma('auto_vacuum=2');
    db.pragma('journal_mode=WAL');
    db.pragma('cache_size=-65536');
    db.pragma('wal_autocheckpoint=' + (16 * 1024 * 1024) / ps);
    db.pragma('synchronous=' + sync);
    db.exec(`CREATE TABLE events (run INTEGER NOT NULL, seq INTEGER NOT NULL, control INTEGER NOT NULL, text TEXT NOT NULL);
CREATE UNIQUE INDEX events_by_seq ON events (run, seq);
CREATE INDEX control_by_seq ON events (run, seq) WHERE control = 1;`);
    const insert = db.prepare('INSERT INTO events (run, seq, control, text) VALUES (?, ?, ?, ?)');
    const text = 'x'.repeat(200);
    const RUNS = 100;
    const heads = Array(RUNS).fill(0);
    let k = 0;
    const tx = db.transaction(() => {
      for (let i = 0; i < 64; i++) {
        const r = k++ % RUNS;
        insert.run(r + 1, ++heads[r], 0, text);
      }
    });
    let out = '';
    for (let l = 0; l < 3; l++) {
      const N = 1000;
      const t = performance.now();
      for (let b = 0; b < N; b++) tx.immediate();
      const ms = performance.now() - t;
      out += ` ${((ms / N) * 1000).toFixed(0)}us ${Math.round((N * 64) / ms)}k/s`;
    }
    console.log(sync, ps, out);
    db.close();
    rmSync(folder, { recursive: true });
  }
