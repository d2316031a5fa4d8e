import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { createServer } from 'millrace';
import { median } from '../harness/statistics.ts';

const producers = 64;
const message = 'm'.repeat(120);
const caller = { tenant: 'default', by: 'worker:bench' };

interface Figures {
  all: number;
  first: number;
  last: number;
}

/** events/s over all, over the first fifth and over the last. */
function figures(marks: number[]): Figures {
  const fifth = Math.floor(marks.length / 5);
  const rate = (from: number, to: number) =>
    ((to - from) * 1000) / ((marks[to - 1] as number) - (marks[from] as number));
  return { all: rate(0, marks.length), first: rate(0, fifth), last: rate(marks.length - fifth, marks.length) };
}

/** 64 producers, each waiting for its acknowledgement before it appends again, over `runs` live runs. */
async function engine(runs: number, events: number): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const server = await createServer({ env: {}, data: folder, port: 0, logLevel: 'silent' });
  try {
    const ids = await Promise.all(
      Array.from(
        { length: runs },
        async () => (await server.engine.create(caller, { workflow: 'bench', external: true })).id,
      ),
    );
    const marks: number[] = [];
    let next = 0;
    const produce = async () => {
      while (next < events) {
        const n = next++;
        await server.engine.append(caller, ids[n % runs] as string, {
          events: [{ type: 'log', node: 'bench', data: { level: 'info', message, metadata: { n } } }],
        });
        marks.push(performance.now());
      }
    };
    await Promise.all(Array.from({ length: producers }, produce));
    return figures(marks);
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The limit: the same bytes in the same batches into a table without any index, synchronous=FULL. */
function heap(runs: number, events: number): Figures {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const database = new Database(join(folder, 'heap.db'));
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec('CREATE TABLE event (run INTEGER, seq INTEGER, at INTEGER, text TEXT)');
  const insert = database.prepare('INSERT INTO event VALUES (?, ?, ?, ?)');
  const seqs = new Array<number>(runs).fill(1);
  const marks: number[] = [];
  const commit = database.transaction((from: number, to: number) => {
    for (let n = from; n < to; n++) {
      const run = n % runs;
      seqs[run] = (seqs[run] as number) + 1;
      insert.run(
        run,
        seqs[run],
        n,
        JSON.stringify({
          type: 'log',
          node: 'bench',
          by: caller.by,
          data: { level: 'info', message, metadata: { n } },
        }),
      );
    }
  });
  for (let from = 0; from < events; from += producers) {
    const to = Math.min(events, from + producers);
    commit(from, to);
    for (let n = from; n < to; n++) marks.push(performance.now());
  }
  database.close();
  rmSync(folder, { recursive: true, force: true });
  return figures(marks);
}

const k = (rate: number) => `${(rate / 1000).toFixed(1)}k`;

/** In one process, because both sides are libraries; rounds are interleaved, figures are medians. */
export async function appendOnSqlite({ rounds, events }: { rounds: number; events: number }): Promise<void> {
  console.log(
    `append: ${events} events of 200 B, ${producers} waiting producers, SQLite FULL, medians of ${rounds} interleaved rounds`,
  );
  console.log(
    'live runs | engine ev/s (first, last fifth) | bare heap ev/s (first, last fifth) | ratio (first, last fifth)',
  );
  for (const runs of [1, 100, 1_000]) {
    const ours: Figures[] = [];
    const bare: Figures[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push(await engine(runs, events));
      bare.push(heap(runs, events));
    }
    const of = (list: Figures[], part: keyof Figures) => median(list.map((one) => one[part]));
    const ratio = (part: keyof Figures) =>
      median(ours.map((one, round) => one[part] / (bare[round] as Figures)[part])).toFixed(2);
    console.log(
      `${String(runs).padStart(9)} | ${k(of(ours, 'all'))} (${k(of(ours, 'first'))}, ${k(of(ours, 'last'))})`.padEnd(
        46,
      ) +
        `| ${k(of(bare, 'all'))} (${k(of(bare, 'first'))}, ${k(of(bare, 'last'))})`.padEnd(37) +
        `| ${ratio('all')} (${ratio('first')}, ${ratio('last')})`,
    );
  }
}
