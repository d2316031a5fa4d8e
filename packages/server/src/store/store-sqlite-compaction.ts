import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';
import type { Database } from 'better-sqlite3';
import { CHUNK, type Chunk, controlPlaces, controlSeqs } from './store-sqlite-chunks.ts';
import { BETWEEN } from './store-sqlite-heads.ts';

const compress = promisify(zstdCompress);

/** large chunks that one call makes at most: 1 MiB */
const STEPS = 16;

interface Candidate {
  run: number;
  cold: number;
  ended: number;
}

/**
 * Joins the small chunks of long logs and compresses them, the oldest first: of a run that goes on whenever a large
 * chunk's worth is there, of one that has ended all that is left. A log's text stays what it was, byte for byte.
 * Makes some chunks; true = there are more to make.
 */
export async function compactChunks(
  db: Database,
  write: (work: () => void) => void,
  turn: () => Promise<void>,
): Promise<boolean> {
  const next = db.prepare<[], Candidate>(
    `SELECT run, cold, ended FROM heads INDEXED BY heads_loose
     WHERE loose >= 65536 OR (ended = 1 AND loose >= 4096) LIMIT 1`,
  );
  const loose = db.prepare<[number, number], Chunk & { text: string }>(
    'SELECT seq, through, controls, text FROM chunks WHERE run = ? AND seq > ? ORDER BY seq',
  );
  const drop = db.prepare('DELETE FROM chunks WHERE run = ? AND seq BETWEEN ? AND ?');
  const put = db.prepare('INSERT INTO chunks (run, seq, through, controls, text) VALUES (?, ?, ?, ?, ?)');
  const move = db.prepare('UPDATE heads SET cold = ?, loose = max(0, loose - ?) WHERE run = ?');
  const correct = db.prepare('UPDATE heads SET loose = ? WHERE run = ?');

  for (let step = 0; step < STEPS; step++) {
    const run = next.get();
    if (!run) return false;
    const found = gather(loose.iterate(run.run, run.cold));
    const { chunks, length } = found;
    const first = chunks[0];
    const last = chunks.at(-1);
    if (!first || !last || (length < CHUNK && run.ended === 0)) {
      write(() => correct.run(length, run.run));
      continue;
    }
    const text = await compress(Buffer.from(chunks.map((chunk) => chunk.text).join(BETWEEN)));
    const count = last.through - first.seq + 1;
    const controls = controlPlaces(
      chunks.flatMap((chunk) => controlSeqs(chunk.controls, chunk.seq, chunk.through - chunk.seq + 1)),
      first.seq,
      count,
    );
    const { run: id } = run;
    if (!db.open) return false;
    write(() => {
      // A run that was deleted meanwhile has no chunks to be replaced.
      if (drop.run(id, first.seq, last.seq).changes < chunks.length) return;
      put.run(id, first.seq, last.through, controls, text);
      move.run(last.through, length, id);
    });
    await turn();
    if (!db.open) return false;
  }
  return true;
}

/** As many chunks as make a large one. */
function gather(rows: Iterable<Chunk & { text: string }>): { chunks: (Chunk & { text: string })[]; length: number } {
  const chunks: (Chunk & { text: string })[] = [];
  let length = 0;
  for (const chunk of rows) {
    chunks.push(chunk);
    length += chunk.text.length;
    if (length >= CHUNK) break;
  }
  return { chunks, length };
}
