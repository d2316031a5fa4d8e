import { hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { emptyView, fold, passes, type RunEvent, type RunFilter, type RunSummary } from '@millrace/protocol';
import { printOf, type Stretch } from './stretch.ts';
import { unlawful } from './verdict.ts';

/** One run as a client's application had it at the end. */
export interface RunEnd {
  client: number;
  run: string;
  filter?: RunFilter;
  continuity: string;
  /** {@link viewPrint} of the view that was shown */
  view: string;
  /** seqs of the events that the application was told, in the order of telling */
  told: number[];
}

/** One list as a client's application had it at the end; `list` is its number in the plan. */
export interface ListEnd {
  client: number;
  list: number;
  shown: Listing;
}

export interface Listing {
  rows: readonly RunSummary[];
  total: number;
}

/** What a producer was told to have been written. */
export interface Acknowledgement {
  run: string;
  /** {@link markOf} of its events */
  marks: string[];
  /** of the last of them, where the answer says so of exactly these */
  seq?: number;
}

/** All that a delivery test leaves behind. */
export interface DeliveryRemains {
  /** as the server has them at the end */
  logs: Record<string, RunEvent[]>;
  lists: Listing[];
  stretches: Stretch[];
  strays: string[];
  runs: RunEnd[];
  listed: ListEnd[];
  acknowledged: Acknowledgement[];
}

export interface DeliveryVerdict {
  /** everything that is not as it should be; empty = zero missing, zero twice */
  findings: string[];
  delivered: number;
  stretches: number;
  acknowledged: number;
}

/** What an event is known by to who wrote it, before it had a seq. Whoever appends sees to it that no two are equal. */
export function markOf({
  type,
  node,
  step,
  attempt,
  data,
}: Pick<RunEvent, 'type' | 'node' | 'step' | 'attempt'> & { data: unknown }): string {
  const { message = '', name = '' } = data as { message?: string; name?: string };
  return [type, node ?? '', step ?? '', attempt ?? '', message, name].join(' ');
}

/** The view's content, however its keys are ordered. */
export function viewPrint(view: unknown): string {
  return hash('sha256', JSON.stringify(view, sortKeys), 'base64').slice(0, 16);
}

/**
 * Compares what was sent, shown and acknowledged with the logs: each connection got every event after its cursor once
 * and in order; each application was told each event once and shows the fold of the log; each list shows the rows
 * that the server has; each acknowledged append is in the log once.
 */
export function judgeDelivery(remains: DeliveryRemains): DeliveryVerdict {
  const { logs, lists, stretches, strays, runs, listed, acknowledged } = remains;
  const findings = [...strays];
  for (const [run, log] of Object.entries(logs)) findings.push(...judgeLog(run, log));
  const prints = new Map(Object.entries(logs).map(([run, log]) => [run, log.map(printOf)]));
  let delivered = 0;
  for (const stretch of stretches) {
    const log = logs[stretch.run];
    const name = `client ${stretch.client}, ${stretch.transport} of ${stretch.run} after ${stretch.after ?? 'a snapshot'}`;
    if (!log) findings.push(`${name}: no such run`);
    else findings.push(...judgeStretch(stretch, log, prints.get(stretch.run) ?? []).map((what) => `${name}: ${what}`));
    for (const piece of stretch.pieces) delivered += piece.kind === 'range' ? piece.events.length : 0;
  }
  const views = new Map<string, string>();
  for (const end of runs) {
    const log = seen(logs[end.run] ?? [], end.filter);
    const key = `${end.run} ${JSON.stringify(end.filter ?? null)}`;
    const view = views.get(key) ?? viewPrint(log.reduce((before, event) => fold(before, event), emptyView(end.run)));
    views.set(key, view);
    findings.push(...judgeEnd(end, log, view).map((what) => `client ${end.client}, run ${key}: ${what}`));
  }
  for (const { client, list, shown } of listed) {
    const what = judgeList(shown, lists[list] ?? { rows: [], total: 0 });
    if (what) findings.push(`client ${client}, list ${list}: ${what}`);
  }
  findings.push(...judgeAcknowledged(acknowledged, logs));
  return { findings, delivered, stretches: stretches.length, acknowledged: acknowledged.length };
}

const ENDS: ReadonlySet<string> = new Set(['run.completed', 'run.failed', 'run.cancelled']);

function judgeLog(run: string, log: readonly RunEvent[]): string[] {
  const wrong = unlawful(run, log);
  const open = ENDS.has(log.at(-1)?.type ?? '') ? [] : [`${run} has not ended`];
  const marks = new Set<string>();
  const again = log.filter((event) => {
    const known = event.type === 'log' && marks.has(markOf(event));
    marks.add(markOf(event));
    return known;
  });
  return [
    ...(wrong === undefined ? [] : [wrong]),
    ...open,
    ...again.map((event) => `the log of ${run} holds "${markOf(event)}" twice, again at ${event.seq}`),
  ];
}

function judgeStretch({ after, filter, pieces }: Stretch, log: readonly RunEvent[], prints: string[]): string[] {
  const findings: string[] = [];
  let cursor = after;
  for (const piece of pieces) {
    if (piece.kind === 'gap') {
      findings.push(`told a gap after ${piece.requested}, with ${piece.latest} in the log`);
      cursor = undefined;
    } else if (piece.kind === 'snapshot') {
      if (cursor !== undefined) findings.push(`a snapshot of ${piece.seq} in place of events after ${cursor}`);
      cursor = piece.seq;
    } else {
      const { seq, through, events } = piece;
      const next = (cursor ?? 0) + 1;
      if (cursor === undefined) findings.push(`events from ${seq} before any snapshot`);
      else if (seq > next) findings.push(`missing ${next}–${seq - 1}`);
      else if (seq < next) findings.push(`twice ${seq}–${Math.min(through, next - 1)}`);
      const expected = seen(log.slice(seq - 1, through), filter).map((event) => event.seq);
      findings.push(...judgeRange(expected, events, prints).map((what) => `${what} in ${seq}–${through}`));
      if (through > log.length) findings.push(`covers ${through}, but the log ends at ${log.length}`);
      cursor = Math.max(cursor ?? 0, through);
    }
  }
  return findings;
}

function judgeRange(expected: number[], events: readonly [number, string][], prints: readonly string[]): string[] {
  const got = events.map(([seq]) => seq);
  const changed = events.filter(([seq, print]) => prints[seq - 1] !== print).map(([seq]) => seq);
  return [
    ...judgeSeqs(expected, got),
    ...(changed.length > 0 ? [`other text than in the log at ${changed.join(', ')}`] : []),
  ];
}

/** What is wrong with `got` where `expected` should have come. */
function judgeSeqs(expected: readonly number[], got: readonly number[]): string[] {
  const counts = new Map<number, number>();
  for (const seq of got) counts.set(seq, (counts.get(seq) ?? 0) + 1);
  const wanted = new Set(expected);
  const missing = expected.filter((seq) => !counts.has(seq));
  const twice = [...counts].filter(([, count]) => count > 1).map(([seq]) => seq);
  const unwanted = [...counts.keys()].filter((seq) => !wanted.has(seq));
  const reordered = got.find((seq, index) => seq < (got[index - 1] ?? 0));
  return [
    ...(missing.length > 0 ? [`missing ${some(missing)}`] : []),
    ...(twice.length > 0 ? [`twice ${some(twice)}`] : []),
    ...(unwanted.length > 0 ? [`unwanted ${some(unwanted)}`] : []),
    ...(reordered === undefined ? [] : [`${reordered} out of order`]),
  ];
}

function judgeEnd({ continuity, view, told }: RunEnd, log: readonly RunEvent[], expected: string): string[] {
  const first = told[0];
  const from = first === undefined ? log.length : log.findIndex((event) => event.seq >= Math.min(...told));
  return [
    ...judgeSeqs(
      log.slice(from).map((event) => event.seq),
      told,
    ).map((what) => `the application was told ${what}`),
    ...(continuity === 'complete' ? [] : [`continuity is ${continuity}`]),
    ...(view === expected ? [] : ['the view is not the fold of the log']),
  ];
}

function judgeList(shown: Listing, listing: Listing): string | undefined {
  if (isDeepStrictEqual(shown, listing)) return undefined;
  if (shown.total !== listing.total) return `counts ${shown.total} of ${listing.total}`;
  const rows = new Map(shown.rows.map((row) => [row.id, row]));
  const other = listing.rows.find((row) => !isDeepStrictEqual(rows.get(row.id), row));
  if (!other) return 'shows rows in another order, or more of them';
  const row = rows.get(other.id);
  return `shows ${other.id} as ${row ? `${row.status} at ${row.seq}` : 'missing'}, and it is ${other.status} at ${other.seq}`;
}

function judgeAcknowledged(acknowledged: readonly Acknowledgement[], logs: DeliveryRemains['logs']): string[] {
  const marksOf = new Map(Object.entries(logs).map(([run, log]) => [run, log.map(markOf)]));
  const places = new Map(
    [...marksOf].map(([run, marks]) => [run, Map.groupBy(marks.keys(), (index) => marks[index] as string)]),
  );
  return acknowledged.flatMap(({ run, marks, seq }) => {
    const lost = marks.filter((mark) => places.get(run)?.get(mark)?.length !== 1);
    if (lost.length > 0) {
      const times = places.get(run)?.get(lost[0] as string)?.length ?? 0;
      return [`acknowledged in ${run}, but in the log ${times} times: "${lost[0]}"`];
    }
    const there = seq === undefined ? marks : marksOf.get(run)?.slice(seq - marks.length, seq);
    return isDeepStrictEqual(there, marks) ? [] : [`acknowledged at ${seq} in ${run}, but elsewhere in the log`];
  });
}

function seen(log: readonly RunEvent[], filter: RunFilter | undefined): readonly RunEvent[] {
  return filter ? log.filter((event) => passes(event, filter)) : log;
}

function some(seqs: readonly number[]): string {
  return seqs.length > 6 ? `${seqs.slice(0, 6).join(', ')} and ${seqs.length - 6} more` : seqs.join(', ');
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
