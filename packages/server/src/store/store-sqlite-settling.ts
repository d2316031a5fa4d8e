import { CHUNK, controlPlaces } from './store-sqlite-chunks.ts';
import { BETWEEN, type Head, type TailText } from './store-sqlite-heads.ts';
import type { EntryText } from './store-sqlite-journal.ts';
import type { SqliteTables } from './store-sqlite-tables.ts';

/** What a row is reckoned at beside the texts; bytes. */
const ROW = 512;

/**
 * Brings the memory up to commit `n`, which is durable: what its entries changed of a run is late from now on, until
 * the run is settled. Also what a start does with the journal; there, the entry of a run that its table has is without its `key`.
 */
export function applyEntry(tables: SqliteTables, head: Head, { entry, text }: EntryText, n: number): void {
  const { late: lateRuns } = tables.places;
  const { id } = head;
  const { key, seq, count, at, controls = [], row, producers, lease, release } = entry;
  if (key) tables.places.enter(head);
  const late = lateRuns.enter(head, n);
  head.at = at;
  const last = seq + count - 1;
  if (count > 0) head.head = last;
  head.ctl = controls.at(-1) ?? head.ctl;
  // After a start, chunks may be ahead of the rest of the run's tables.
  if (last > head.stored && count > 0) {
    late.tail.push({ seq, count, text, controls });
    lateRuns.grow(late, text.length);
  }
  if (row) {
    if (key) late.first = row;
    late.row = row;
    lateRuns.grow(late, ROW);
    head.ended = row.ended;
    head.status = row.status;
    head.shown = row.summary.status;
  }
  for (const [producer, term, sequence, seq] of producers ?? []) {
    head.producers.set(producer, { term, sequence, seq });
    late.producers.add(producer);
  }
  const { young } = tables.queue;
  if (entry.dequeueAll) young.dropAll(id);
  for (const node of entry.dequeue ?? []) young.drop(id, node);
  for (const [place, queued] of entry.enqueue ?? []) {
    young.put(id, place, queued);
    lateRuns.grow(late, ROW);
  }
  for (const node of release ?? []) tables.leases.release(id, node);
  for (const one of lease ?? []) tables.leases.put(id, one);
  if (lease || release) late.leases = true;
}

/**
 * Writes what is late of a run into its tables, as of commit `n`: first its tail in chunks, then, when all of that is
 * written, its rows. Stops when that took `credit` bytes; answers what it took. The memory moves along at once, so
 * a transaction that fails after it must be followed by a new start from the journal.
 */
export function settleRun(tables: SqliteTables, head: Head, n: number, credit = Number.POSITIVE_INFINITY): number {
  const { late } = head;
  if (!late) return 0;
  let spent = 0;
  let loose = 0;
  while (late.tail.length > 0) {
    if (spent > 0 && spent >= credit) break;
    const { texts, length } = nextChunk(late.tail);
    putChunks(tables, head, texts);
    late.tail = late.tail.slice(texts.length);
    spent += length;
    loose += length;
    tables.places.late.grow(late, -length);
  }
  if (late.tail.length > 0) {
    tables.runs.settle(head);
    tables.places.advance(head, loose);
    return spent;
  }
  const taken = late.bytes;
  tables.runs.settle(head, true);
  tables.places.settle(head, n, loose);
  tables.keys.settle(head);
  tables.queue.settle(head.id);
  if (late.leases) tables.leases.settle(head.id);
  head.fresh = false;
  head.settled = n;
  tables.places.leave(head);
  return spent + taken;
}

/** Texts of the tail that make up a chunk. */
function nextChunk(tail: readonly TailText[]): { texts: TailText[]; length: number } {
  let length = 0;
  let texts = 0;
  while (texts < tail.length && length < CHUNK) {
    length += tail[texts]?.text.length ?? 0;
    texts += 1;
  }
  return { texts: tail.slice(0, texts), length };
}

/** Writes texts as a chunk, or as several where one commit wrote more than a few chunks hold. */
function putChunks({ chunks }: SqliteTables, head: Head, texts: readonly TailText[]): void {
  const put = (seq: number, count: number, controls: readonly number[], text: string) => {
    const through = seq + count - 1;
    chunks.put(head.id, { seq, through, controls: controlPlaces(controls, seq, count), text });
    head.stored = through;
  };
  const seq = texts[0]?.seq ?? 0;
  const controls: number[] = [];
  let count = 0;
  for (const piece of texts) {
    controls.push(...piece.controls);
    count += piece.count;
  }
  const text = texts.length === 1 ? (texts[0] as TailText).text : texts.map((piece) => piece.text).join(BETWEEN);
  if (text.length <= 4 * CHUNK) return put(seq, count, controls, text);
  let first = seq;
  let taken: string[] = [];
  let length = 0;
  const flush = () => {
    const next = first + taken.length;
    const own = controls.filter((control) => control >= first && control < next);
    if (taken.length > 0) put(first, taken.length, own, taken.join(BETWEEN));
    first = next;
    taken = [];
    length = 0;
  };
  for (const event of text.split(BETWEEN)) {
    taken.push(event);
    length += event.length;
    if (length >= CHUNK) flush();
  }
  flush();
}
