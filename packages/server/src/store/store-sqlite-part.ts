import { eventText, type Part, type PartRefusal, type QueueRow } from './store.ts';
import { BETWEEN, type Head, newHead } from './store-sqlite-heads.ts';
import type { Entry, EntryText } from './store-sqlite-journal.ts';
import type { SqliteTables } from './store-sqlite-tables.ts';

/** A part that was not refused: what is left to do once its commit is durable. */
export interface Accepted extends EntryText {
  head: Head;
  /** a queue row of the run went to the table */
  stored: boolean;
}

/** Where the parts of a commit stand in time and in the order of queueing. */
export interface Turn {
  at: number;
  nextPlace(): number;
}

/**
 * Decides a part and writes what its run's tables take at once, or says why it drops out. Within a transaction; what
 * is kept in memory does not change yet, because the transaction may fail.
 */
export function decidePart(tables: SqliteTables, part: Part, turn: Turn): Accepted | PartRefusal {
  const head = part.fence === 'new' ? create(tables, part) : tables.places.find(part);
  if (!head) return part.fence === 'new' ? 'exists' : 'missing';
  const refusal = refusalOf(tables, part, head);
  if (refusal) return refusal;
  const { entry, text } = entryOf(part, head, turn.at);
  if (part.unique) tables.keys.takeUnique(part.tenant, part.unique, part.run);
  const stored = moveQueue(tables, part, { head, entry, turn });
  moveWork(tables, part);
  return { head, entry, text, stored };
}

function create({ places, deleted }: SqliteTables, part: Part): Head | undefined {
  if (!part.row) throw new TypeError('A new run needs its row.');
  if (deleted.has(part) || (!places.isNewest(part) && places.find(part))) return undefined;
  const { status, summary } = part.row;
  return newHead(part, { id: places.nextNumber(), status, shown: summary.status, fresh: true });
}

function refusalOf(tables: SqliteTables, part: Part, head: Head): PartRefusal | undefined {
  const { tenant, fence, unique, slots, starts } = part;
  if (fence !== 'new') {
    if (head.ended) return 'ended';
    if (head.ctl !== fence.ctl) return 'conflict';
  }
  if (part.expired?.some(({ node, attempt, at }) => !tables.leases.expired(head.id, node, attempt, at))) return 'lease';
  if (part.producers?.some((change) => tables.keys.producerMoved(head, change))) return 'producer';
  if (unique && tables.keys.unique(tenant, unique.scope, unique.key)) return 'unique';
  if ((slots || starts) && tables.gates.full(tenant, slots ?? [], starts ?? [])) return 'slots';
  if (part.spend?.some(({ id, at }) => !tables.grants.open(tenant, id, at))) return 'grant';
  return undefined;
}

function entryOf(part: Part, head: Head, batchAt: number): EntryText {
  const { events, row, producers, release, lease } = part;
  const at = Math.max(head.at, batchAt);
  const seq = head.head + 1;
  const entry: Entry = { run: head.id, seq, count: events.length, at };
  let text = '';
  let place = 0;
  for (const event of events) {
    text += `${place > 0 ? BETWEEN : ''}${eventText(seq + place, at, event.text)}`;
    if (event.control) {
      entry.controls ??= [];
      entry.controls.push(seq + place);
    }
    place += 1;
  }
  if (part.fence === 'new') entry.key = [part.tenant, part.run];
  if (row) entry.row = row;
  if (producers) entry.producers = producers.map(({ id, term, sequence, last }) => [id, term, sequence, seq + last]);
  if (release) entry.release = release;
  if (lease) entry.lease = lease;
  return { entry, text };
}

/** What goes, goes before what comes. Answers whether a row was stored. */
function moveQueue(
  { queue }: SqliteTables,
  { dequeueAll, dequeue, enqueue }: Part,
  { head, entry, turn }: { head: Head; entry: Entry; turn: Turn },
): boolean {
  const { id, fresh } = head;
  if (dequeueAll) {
    entry.dequeueAll = true;
    if (!fresh) queue.dropAll(id);
  }
  const drop = (node: string) => {
    if (!queue.young.has(id, node)) {
      if (!fresh) queue.drop(id, node);
      return;
    }
    entry.dequeue ??= [];
    entry.dequeue.push(node);
  };
  dequeue?.forEach(drop);
  let stored = false;
  for (const row of enqueue ? lastOfNode(enqueue) : NONE) {
    drop(row.node);
    const place = turn.nextPlace();
    if (!queue.isPlain(row, turn.at)) {
      queue.store(id, place, row, turn.at);
      stored = true;
      continue;
    }
    entry.enqueue ??= [];
    entry.enqueue.push([place, row]);
  }
  return stored;
}

const NONE: readonly QueueRow[] = [];

/** Of two rows of one node the later one stands. */
function lastOfNode(rows: readonly QueueRow[]): Iterable<QueueRow> {
  if (rows.length < 2) return rows;
  const last = new Map<string, QueueRow>();
  for (const row of rows) {
    last.delete(row.node);
    last.set(row.node, row);
  }
  return last.values();
}

/** What is to be done for a run, and what is shown of it elsewhere. What goes, goes before what comes. */
function moveWork(tables: SqliteTables, part: Part): void {
  const { due, gates, waits, knowledge, grants } = tables;
  if (part.undueAll) due.dropAll(part);
  part.undue?.forEach((key) => {
    due.drop(part, key);
  });
  part.due?.forEach((row) => {
    due.put(row);
  });
  part.slots?.forEach((change) => {
    gates.moveSlot(part.tenant, change);
  });
  part.starts?.forEach((start) => {
    gates.start(part.tenant, start);
  });
  if (part.unwaitAll) waits.dropAll(part);
  part.unwait?.forEach((wait) => {
    waits.drop(part, wait);
  });
  part.waits?.forEach((row) => {
    waits.put(row);
  });
  part.documents?.forEach((row) => {
    knowledge.put(part.tenant, row);
  });
  part.spend?.forEach(({ id, at }) => {
    grants.end(part.tenant, id, at);
  });
}
