import type { Batch, Part, RunRowChange } from './store.ts';
import { floatArray, largeArray, numberArray, textArray } from './store-postgres-array.ts';
import { nameIn, shortName } from './store-postgres-names.ts';
import type { RunNumbers } from './store-postgres-numbers.ts';
import { queueRow } from './store-postgres-queue-row.ts';

const PARAMETERS = 49;
const PLACES = Array.from({ length: PARAMETERS }, (_, n) => `$${n + 1}`);
export const COMMIT = `SELECT millrace.commit_4(${PLACES.join(', ')}) AS answer`;
/** It looks into the queue when the batch is written: its own parameters follow. */
export const COMMIT_AND_LOOK = `WITH done AS MATERIALIZED (${COMMIT})
  SELECT answer, millrace.look_3($${PARAMETERS + 1}, $${PARAMETERS + 2}, $${PARAMETERS + 3}) AS found FROM done`;

/**
 * The parameters of `commit_4`: columns of what many parts have, as arrays, and the rest as JSON. Whatever can throw
 * has thrown before anything was sent. `careful`: it was contradicted, so everything is looked at before it is moved.
 */
export function commitValues({ server, n, at, parts }: Batch, numbers: RunNumbers, careful: boolean): unknown[] {
  const gated = parts.some(({ enqueue }) => enqueue?.some(({ slots, rate }) => slots || rate));
  const rest = restOf(parts, gated);
  const known = parts.map((part) => (part.fence === 'new' ? undefined : numbers.get(part)));
  const isNamed = (place: number) =>
    known[place] === undefined || rest.parts.has(place + 1) || parts[place]?.enqueue !== undefined;
  const named = parts.some((_, place) => isNamed(place)) ? parts : [];
  return [
    nameIn(server),
    n,
    at,
    careful,
    largeArray(known.map((number) => number ?? 0n)),
    ...columns(named, [
      textArray(named.map(({ tenant }, place) => (isNamed(place) ? nameIn(tenant) : ''))),
      textArray(named.map(({ run }, place) => (isNamed(place) ? nameIn(run) : ''))),
    ]),
    ...fencesOf(parts),
    ...producersOf(parts),
    ...rowsOf(parts),
    ...nodesOf(parts, 'dequeue'),
    ...nodesOf(parts, 'release'),
    ...leasesOf(parts),
    ...queueOf(gated ? [] : parts),
    rest.text,
  ];
}

/** What every part has: its fence, and its events. */
function fencesOf(parts: readonly Part[]): Buffer[] {
  const events = { parts: [] as number[], places: [] as number[], controls: [] as number[], texts: [] as string[] };
  const lastControls: number[] = [];
  for (const [place, part] of parts.entries()) {
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
    numberArray(parts.map(({ fence }) => (fence === 'new' ? -1 : fence.ctl))),
    numberArray(parts.map((part) => part.events.length)),
    numberArray(lastControls),
    numberArray(parts.map(({ row }) => (row?.ended ? 1 : 0))),
    numberArray(events.parts),
    numberArray(events.places),
    numberArray(events.controls),
    textArray(events.texts),
  ];
}

function producersOf(parts: readonly Part[]): Column[] {
  const producers = placed(parts, 'producers');
  return columns(producers, [
    numberArray(producers.map(({ place }) => place + 1)),
    textArray(producers.map(({ row }) => nameIn(row.id))),
    numberArray(producers.map(({ row }) => row.term)),
    numberArray(producers.map(({ row }) => row.sequence)),
    numberArray(producers.map(({ row }) => row.was?.term ?? -1)),
    numberArray(producers.map(({ row }) => row.was?.sequence ?? -1)),
    numberArray(producers.map(({ row }) => row.last)),
  ]);
}

/** What lists show of the runs; tags where some run has any. */
function rowsOf(parts: readonly Part[]): Column[] {
  const rows: (RunRowChange & { place: number; made: boolean })[] = [];
  for (const [place, { row, fence }] of parts.entries()) {
    if (row) rows.push({ ...row, place, made: fence === 'new' });
    else if (fence === 'new') throw new TypeError('A new run needs its row.');
  }
  const tagged = rows.some(({ made, summary }) => made && summary.tags.length > 0) ? rows : [];
  return [
    ...columns(rows, [
      numberArray(rows.map(({ place }) => place + 1)),
      textArray(rows.map(({ status }) => status)),
      textArray(rows.map(({ summary }) => summary.status)),
      textArray(rows.map(({ summary }) => JSON.stringify(summary))),
      textArray(rows.map(({ made, summary }) => (made ? nameIn(summary.workflow) : null))),
      textArray(rows.map(({ made, summary }) => (made ? nameOf(summary.owner) : null))),
      textArray(rows.map(({ made, queue }) => (made ? nameOf(queue) : null))),
      numberArray(rows.map(({ summary }) => (summary.external ? 1 : 0))),
    ]),
    ...columns(tagged, [
      textArray(tagged.map(({ made, summary }) => (made ? arrayText(summary.tags.map(nameIn)) : null))),
    ]),
  ];
}

const nameOf = (name: string | undefined): string | null => (name === undefined ? null : nameIn(name));

/** As Postgres writes an array of texts, without those that come again. */
function arrayText(names: readonly string[]): string {
  const quoted = [...new Set(names)].map((name) => `"${name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
  return `{${quoted.join(',')}}`;
}

function nodesOf(parts: readonly Part[], from: 'dequeue' | 'release'): Column[] {
  const nodes = placed(parts, from);
  const names = textArray(nodes.map(({ row }) => nameIn(row)));
  return columns(nodes, [numberArray(nodes.map(({ place }) => place + 1)), names]);
}

function leasesOf(parts: readonly Part[]): Column[] {
  const leases = placed(parts, 'lease');
  return columns(leases, [
    numberArray(leases.map(({ place }) => place + 1)),
    textArray(leases.map(({ row }) => nameIn(row.node))),
    numberArray(leases.map(({ row }) => row.attempt)),
    textArray(leases.map(({ row }) => nameIn(row.worker))),
    textArray(leases.map(({ row }) => nameIn(row.boot))),
    floatArray(leases.map(({ row }) => row.expires)),
  ]);
}

/** Rows that wait for no slot and no rate. */
function queueOf(parts: readonly Part[]): Column[] {
  const rows = placed(parts, 'enqueue');
  return columns(rows, [
    numberArray(rows.map(({ place }) => place + 1)),
    textArray(rows.map(({ row }) => nameIn(row.node))),
    textArray(rows.map(({ row }) => nameIn(row.task))),
    textArray(rows.map(({ row }) => nameOf(row.version))),
    textArray(rows.map(({ row }) => nameIn(row.queue))),
    numberArray(rows.map(({ row }) => row.priority)),
    floatArray(rows.map(({ row }) => row.at)),
  ]);
}

type Column = Buffer | null;

/** Without rows nothing is sent. */
const columns = (rows: readonly unknown[], arrays: Buffer[]): Column[] =>
  rows.length > 0 ? arrays : arrays.map(() => null);

/** What the parts have of this, each with its part's place. */
function placed<Key extends 'producers' | 'dequeue' | 'release' | 'lease' | 'enqueue'>(
  parts: readonly Part[],
  key: Key,
) {
  const rows: { place: number; row: NonNullable<Part[Key]>[number] }[] = [];
  for (const [place, part] of parts.entries()) {
    const own = part[key];
    if (own) for (const row of own) rows.push({ place, row: row as NonNullable<Part[Key]>[number] });
  }
  return rows;
}

/** What few parts have, as JSON; null where none has any of it. And which parts those are, from 1. */
function restOf(parts: readonly Part[], gated: boolean): { text: string | null; parts: ReadonlySet<number> } {
  const rest: Record<string, object[]> = {};
  const having = new Set<number>();
  let part = 0;
  const add = (table: string, row: object) => {
    rest[table] ??= [];
    rest[table].push({ part, ...row });
    having.add(part);
  };
  for (const one of parts) {
    part += 1;
    if (one.unique) {
      const { scope, key, hash } = one.unique;
      add('unique', { scope: nameIn(scope), key: nameIn(key), hash });
    }
    if (one.dequeueAll) add('dequeue', {});
    for (const row of (gated && one.enqueue) || []) add('enqueue', queueRow(row));
    for (const { node, attempt, at } of one.expired ?? []) add('expired', { node: nameIn(node), attempt, at });
    if (one.undueAll) add('undue', {});
    for (const key of one.undue ?? []) add('undue', { name: shortName(key) });
    for (const { run, key, at, command } of one.due ?? []) {
      add('due', { run: nameIn(run), name: shortName(key), key: nameIn(key), at, command });
    }
    for (const { queue, key, delta, limit } of one.slots ?? []) {
      add('slots', { queue: nameIn(queue), key: shortName(key), delta, lim: limit });
    }
    for (const { queue, key, limit, per, at } of one.starts ?? []) {
      add('starts', { queue: nameIn(queue), key: shortName(key), lim: limit, per, at });
    }
    if (one.unwaitAll) add('unwait', {});
    for (const id of one.unwait ?? []) add('unwait', { id: nameIn(id) });
    for (const row of one.waits ?? []) {
      const { id, kind, workflow, owner, requestedAt: at } = row;
      const names = { id: nameIn(id), workflow: nameIn(workflow), owner: owner === undefined ? null : nameIn(owner) };
      add('waits', { kind, ...names, at, text: JSON.stringify(row) });
    }
    for (const row of one.documents ?? []) {
      const { kbId, documentId, status, at, bytes, chunks = 0, embeddings = 0 } = row;
      const names = { kb: nameIn(kbId), id: nameIn(documentId) };
      add('documents', { ...names, status, at, bytes, chunks, embeddings, text: JSON.stringify(row) });
    }
    for (const { id, at } of one.spend ?? []) add('spend', { id: nameIn(id), at });
  }
  return { text: having.size > 0 ? JSON.stringify(rest) : null, parts: having };
}
