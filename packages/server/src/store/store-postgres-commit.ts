import { createHash } from 'node:crypto';
import { DatabaseError } from 'pg';
import type { Batch, CommitResult, Part, PartRefusal, PartResult, QueueRow } from './store.ts';
import { numberArray, textArray } from './store-postgres-array.ts';
import { type PostgresConnection, Unsent } from './store-postgres-connection.ts';
import { CHECK_VIOLATION, isLost, isPassing, isUndone, UNIQUE_VIOLATION } from './store-postgres-failure.ts';
import { nameIn, shortName } from './store-postgres-names.ts';

/** What the database answers, by place of the parts. */
interface Answered {
  firsts: number[];
  ats: number[];
  /** null = the part was written */
  reasons: (PartRefusal | null)[];
}

const PARAMETERS = 21;
const PLACES = Array.from({ length: PARAMETERS }, (_, n) => `$${n + 1}`);
const COMMIT = `SELECT millrace.commit_1(${PLACES.join(', ')}) AS answer`;
const FIND = `SELECT json_build_object('firsts', firsts, 'ats', ats, 'reasons', reasons) AS answer
  FROM millrace.commits WHERE server = $1 AND n = $2`;

/** ms between two tries to learn what became of a batch; the first is made at once */
const FIRST_PAUSE = 25;
const LONGEST_PAUSE = 1_000;
/** how often a batch is sent again that Postgres undid */
const TRIES = 10;

/**
 * Writes a batch once, whatever happens to the connection: where it broke before the answer came, the same batch is
 * sent again until the database says what became of it. So what this throws was not written.
 */
export async function commitBatch(
  connection: PostgresConnection,
  batch: Batch,
  makePartitions: () => Promise<void>,
): Promise<CommitResult> {
  const values = argumentsOf(batch);
  const key = [nameIn(batch.server), batch.n];
  /** the connection broke, so the batch may have been written */
  let unsure = false;
  let written = false;
  for (let tries = 1; ; tries++) {
    try {
      const [row] = await connection.once<{ answer: Answered }>(written ? FIND : COMMIT, written ? key : values);
      return resultOf(row?.answer);
    } catch (error) {
      if (isRepeated(error)) written = true;
      else if (lacksPartition(error) && tries < TRIES) await makePartitions();
      else if (!isUndone(error) || tries >= TRIES) {
        unsure ||= written || (isLost(error) && !(error instanceof Unsent));
        const passes = error instanceof Unsent || isPassing(error);
        if (!unsure || !passes || connection.isClosed) throw connection.failure(error);
        if (tries > 1) await connection.pause(Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(tries, 10)));
      }
    }
  }
}

const isRepeated = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === UNIQUE_VIOLATION && error.constraint === 'commits_pkey';

const lacksPartition = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === CHECK_VIOLATION && error.table === 'events';

function resultOf(answer: Answered | undefined): CommitResult {
  const { firsts, ats, reasons } = answer ?? { firsts: [], ats: [], reasons: [] };
  const parts = (reasons ?? []).map((reason, place): PartResult => {
    if (reason !== null) return { ok: false, reason };
    return { ok: true, first: firsts[place] as number, at: ats[place] as number };
  });
  return { parts };
}

/** The parameters of `commit_1`. Whatever can throw has thrown before anything was sent. */
function argumentsOf({ server, n, at, parts }: Batch): unknown[] {
  const events = { parts: [] as number[], places: [] as number[], controls: [] as number[], texts: [] as string[] };
  const lastControls: number[] = [];
  const producers = parts.flatMap((part, place) => (part.producers ?? []).map((change) => ({ place, change })));
  for (const [place, part] of parts.entries()) {
    if (part.fence === 'new' && !part.row) throw new TypeError('A new run needs its row.');
    let lastControl = 0;
    for (const [index, { control, text }] of part.events.entries()) {
      events.parts.push(place + 1);
      events.places.push(index + 1);
      events.controls.push(control ? 1 : 0);
      events.texts.push(text);
      if (control) lastControl = index + 1;
    }
    lastControls.push(lastControl);
  }
  return [
    nameIn(server),
    n,
    at,
    textArray(parts.map(({ tenant }) => nameIn(tenant))),
    textArray(parts.map(({ run }) => nameIn(run))),
    numberArray(parts.map(({ fence }) => (fence === 'new' ? -1 : fence.ctl))),
    numberArray(parts.map((part) => part.events.length)),
    numberArray(lastControls),
    numberArray(parts.map(({ row }) => (row?.ended ? 1 : 0))),
    numberArray(events.parts),
    numberArray(events.places),
    numberArray(events.controls),
    textArray(events.texts),
    numberArray(producers.map(({ place }) => place + 1)),
    textArray(producers.map(({ change }) => nameIn(change.id))),
    numberArray(producers.map(({ change }) => change.term)),
    numberArray(producers.map(({ change }) => change.sequence)),
    numberArray(producers.map(({ change }) => change.was?.term ?? -1)),
    numberArray(producers.map(({ change }) => change.was?.sequence ?? -1)),
    numberArray(producers.map(({ change }) => change.last)),
    restOf(parts),
  ];
}

/** What few parts have, as JSON; null where none has any of it. */
function restOf(parts: readonly Part[]): string | null {
  const rest: Record<string, object[]> = {};
  const add = (table: string, row: object) => {
    rest[table] ??= [];
    rest[table].push(row);
  };
  for (const [index, one] of parts.entries()) {
    const part = index + 1;
    addRow(add, part, one);
    if (one.unique) {
      const { scope, key, hash } = one.unique;
      add('unique', { part, scope: nameIn(scope), key: nameIn(key), hash });
    }
    if (one.dequeueAll) add('dequeue', { part });
    for (const node of one.dequeue ?? []) add('dequeue', { part, node: nameIn(node) });
    for (const row of one.enqueue ?? []) add('enqueue', { part, ...queueRow(row) });
    for (const { node, attempt, at } of one.expired ?? []) add('expired', { part, node: nameIn(node), attempt, at });
    for (const node of one.release ?? []) add('release', { part, node: nameIn(node) });
    for (const { node, attempt, worker, boot, expires } of one.lease ?? []) {
      add('lease', { part, node: nameIn(node), attempt, worker: nameIn(worker), boot: nameIn(boot), expires });
    }
    if (one.undueAll) add('undue', { part });
    for (const key of one.undue ?? []) add('undue', { part, name: shortName(key) });
    for (const { run, key, at, command } of one.due ?? []) {
      add('due', { part, run: nameIn(run), name: shortName(key), key: nameIn(key), at, command });
    }
    for (const { queue, key, delta, limit } of one.slots ?? []) {
      add('slots', { part, queue: nameIn(queue), key: shortName(key), delta, lim: limit });
    }
    for (const { queue, key, limit, per, at } of one.starts ?? []) {
      add('starts', { part, queue: nameIn(queue), key: shortName(key), lim: limit, per, at });
    }
    if (one.unwaitAll) add('unwait', { part });
    for (const id of one.unwait ?? []) add('unwait', { part, id: nameIn(id) });
    for (const row of one.waits ?? []) {
      const { id, kind, workflow, owner, requestedAt: at } = row;
      const names = { id: nameIn(id), workflow: nameIn(workflow), owner: owner === undefined ? null : nameIn(owner) };
      add('waits', { part, kind, ...names, at, text: JSON.stringify(row) });
    }
    for (const row of one.documents ?? []) {
      const { kbId, documentId, status, at, bytes, chunks = 0, embeddings = 0 } = row;
      const names = { kb: nameIn(kbId), id: nameIn(documentId) };
      add('documents', { part, ...names, status, at, bytes, chunks, embeddings, text: JSON.stringify(row) });
    }
    for (const { id, at } of one.spend ?? []) add('spend', { part, id: nameIn(id), at });
  }
  return Object.keys(rest).length > 0 ? JSON.stringify(rest) : null;
}

function addRow(add: (table: string, row: object) => void, part: number, { row, fence }: Part): void {
  if (!row) return;
  const { status, ended, summary, queue } = row;
  const shown = { part, status, shown: summary.status, text: JSON.stringify(summary) };
  if (fence !== 'new') {
    add('change', { ...shown, ended });
    return;
  }
  const { owner, workflow, external, tags } = summary;
  const names = { owner: owner === undefined ? null : nameIn(owner), workflow: nameIn(workflow) };
  const unique = [...new Set(tags.map(nameIn))];
  add('create', { ...shown, ...names, external, queue: queue === undefined ? null : nameIn(queue), tags: unique });
}

export function queueRow({ node, task, version, queue, priority, at, slots, rate }: QueueRow): object {
  const row = { node: nameIn(node), task: nameIn(task), queue: nameIn(queue), priority, at };
  const versioned = version === undefined ? row : { ...row, version: nameIn(version) };
  if (!slots && !rate) return versioned;
  const gates = JSON.stringify({ slots, rate });
  const gated = {
    gates,
    gate: createHash('sha256')
      .update(JSON.stringify([queue, gates]))
      .digest('base64'),
    slots: slots?.map(({ key }) => shortName(key)),
    limits: slots?.map(({ limit }) => limit),
  };
  if (!rate) return { ...versioned, ...gated };
  return { ...versioned, ...gated, rate: shortName(rate.key), rate_limit: rate.limit, rate_per: rate.per };
}
