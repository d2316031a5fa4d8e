import {
  type ControlView,
  definitionId,
  type EventType,
  foldControl,
  type GraphNode,
  graphIndex,
  isControl,
  isTerminal,
  type NewEvent,
  type RunEvent,
  summarise,
  type Trace,
} from '@millrace/protocol';
import { eventText, type Part, type PartEvent, type ProducerChange, type RunKey } from '../store/store.ts';
import type { Prepared } from './command.ts';
import { addNodeRows } from './node-rows.ts';
import { Obligations } from './obligations.ts';
import type { Resident } from './resident.ts';
import type { Timings } from './timings.ts';

/** What one flush does to one run: the events, and the rows that follow from them. */
export class PartDraft {
  readonly run: Resident;
  readonly trace: Trace = { nodes: [], ready: [] };
  readonly events: PartEvent[] = [];
  readonly at: number;
  /** how much of the trace `advance` has looked at */
  advanced = 0;
  /** nodes whose expressions are to be evaluated after the commit */
  readonly evaluate: string[] = [];
  #obligations: Obligations | undefined;
  expired: Part['expired'];
  unique: Part['unique'];
  spend: Part['spend'];
  starts: Part['starts'];
  readonly #timings: Timings;
  readonly #isNew: boolean;
  readonly #firstSeq: number;
  /** how many seqs later than it was decided the store wrote it: content of another server came before */
  shift = 0;
  readonly #fence: number;
  #boots: Map<string, string> | undefined;
  #producers: Map<string, ProducerChange> | undefined;
  /** a control event was added */
  #moved = false;
  /** one that the run's row shows was */
  #shown = false;

  constructor(run: Resident, now: number, timings: Timings) {
    this.run = run;
    this.#timings = timings;
    this.at = Math.max(now, run.at);
    this.#isNew = run.head === 0;
    this.#firstSeq = run.head + 1;
    this.#fence = run.ctl;
  }

  get key(): RunKey {
    return this.run.key;
  }

  get control(): ControlView {
    return this.run.control;
  }

  /** Made when it is first asked for: a part with nothing but content has none. */
  get obligations(): Obligations {
    this.#obligations ??= new Obligations(this.run.key, this.at, this.#timings.grace);
    return this.#obligations;
  }

  /** attempts that were ended by something other than themselves, and waits that have ended */
  get told(): Pick<Obligations, 'signals' | 'ended'> {
    return this.#obligations ?? NOTHING;
  }

  get firstSeq(): number {
    return this.#firstSeq;
  }

  /** Gives the event its place and folds it; what it moved is added to `trace`. `own`: the attempt itself wrote it. */
  add(event: NewEvent | Prepared, own = false): number {
    const plain = 'event' in event ? event.event : event;
    const text = 'event' in event ? event.text : tailOf(event);
    const control = isControl(plain.type);
    this.events.push({ type: plain.type, control, text });
    this.run.head += 1;
    this.run.at = this.at;
    if (control) {
      this.#moved = true;
      if (!UNSHOWN.has(plain.type)) this.#shown = true;
      this.obligations.take(plain, this.run.control, own);
      foldControl(this.run.control, { ...plain, seq: this.run.head, at: this.at } as RunEvent, undefined, this.trace);
    } else if (plain.type.startsWith('kb.')) this.obligations.tell(plain);
    return this.run.head;
  }

  /** Remembers where the attempt that was just started lives; '' = not in this process. */
  startedBy(node: string, boot: string): void {
    this.#boots ??= new Map();
    this.#boots.set(node, boot);
  }

  producer(id: string, term: number, sequence: number): void {
    this.#producers ??= new Map();
    const before = this.#producers.get(id);
    const known = this.run.producers.get(id);
    const was = before ? before.was : known ? { term: known.term, sequence: known.sequence } : null;
    this.#producers.set(id, { id, term, sequence, was, last: this.events.length - 1 });
    this.run.producers.set(id, { term, sequence, seq: this.run.head });
  }

  /** The part as the store wants it. */
  finish(): Part {
    const { control, key } = this.run;
    const part: Part = { ...key, fence: this.#isNew ? 'new' : { ctl: this.#fence }, events: this.events };
    if (this.unique) part.unique = this.unique;
    if (this.expired) part.expired = this.expired;
    if (this.spend) part.spend = this.spend;
    if (this.#producers) part.producers = [...this.#producers.values()];
    if (this.#moved) this.#rows(part);
    if (this.starts) part.starts = [...(part.starts ?? []), ...this.starts];
    this.#owe(part, isTerminal(control.status));
    return part;
  }

  #rows(part: Part): void {
    const { control, key } = this.run;
    if (!this.#shown) return;
    part.row = {
      status: control.status,
      ended: isTerminal(control.status),
      summary: summarise(control, this.run.head, this.at),
    };
    if (control.options.queue !== undefined) part.row.queue = control.options.queue;
    if (control.external) return;
    addNodeRows(part, control, this.trace.nodes, {
      key,
      at: this.at,
      leaseMs: this.#timings.lease,
      boots: this.#boots ?? NOWHERE,
      enqueueAll: this.#obligations?.enqueueAll ?? false,
    });
    const { nodes } = graphIndex(control.graph);
    for (const { id, from } of this.trace.nodes) {
      const definition = nodes.get(definitionId(id));
      if (from === 'running' && definition?.timeout !== undefined) this.obligations.settle(`timeout/${id}`);
      if (from === 'retrying') this.obligations.settle(`retry/${id}`);
      if (from === 'pending' && mayEvaluate(definition)) this.obligations.settle(`evaluate/${id}`);
    }
  }

  #owe(part: Part, ended: boolean): void {
    if (!this.#obligations) return;
    const { due, undue, waits, unwait, documents, dequeueAll } = this.#obligations;
    if (due) {
      const others = [...due.values()].filter((row) => !ended || row.run !== this.run.key.run);
      if (others.length > 0) part.due = others;
    }
    if (documents) part.documents = [...documents.values()];
    if (dequeueAll) part.dequeueAll = true;
    const { owed, control, key } = this.run;
    if (due) for (const row of due.values()) if (row.run === key.run) owed?.add(row.key);
    if (ended) {
      if (!owed || owed.size > 0) part.undueAll = true;
      if (Object.keys(control.waits).length > 0) part.unwaitAll = true;
      return;
    }
    if (undue?.size) part.undue = [...undue];
    if (waits?.size) part.waits = [...waits.values()];
    if (unwait?.size) part.unwait = [...unwait];
  }

  /** The full texts of the part's events, joined, once the store has given the first its place. */
  textFrom(first: number, at: number): string {
    return this.events.map((event, index) => eventText(first + index, at, event.text)).join(',');
  }
}

const NOWHERE: ReadonlyMap<string, string> = new Map();
const NOTHING: Pick<Obligations, 'signals' | 'ended'> = { signals: [], ended: [] };

/** Control events that change nothing of what the run's row shows. */
const UNSHOWN: ReadonlySet<EventType> = new Set<EventType>([
  'step.started',
  'step.completed',
  'step.failed',
  'checkpoint.saved',
]);

/** Whether the node may have waited for an expression. */
function mayEvaluate(definition: GraphNode | undefined): boolean {
  if (!definition) return false;
  const { when, forEach, workflow, input } = definition;
  return when !== undefined || forEach !== undefined || workflow !== undefined || input !== undefined;
}

/** An event's JSON text after `"at":…,`. */
export function tailOf(event: NewEvent): string {
  const { type, node, step, attempt, by, data } = event;
  return JSON.stringify({ type, node, step, attempt, by, data }).slice(1);
}
