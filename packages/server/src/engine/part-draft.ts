import {
  type ControlView,
  definitionId,
  foldControl,
  graphIndex,
  isControl,
  isTerminal,
  type LeaseState,
  type NewEvent,
  type NodeView,
  type RunEvent,
  summarise,
  type Trace,
} from '@millrace/protocol';
import {
  type DueRow,
  eventText,
  type LeaseRow,
  type Part,
  type PartEvent,
  type ProducerChange,
  type QueueRow,
} from '../store/store.ts';
import type { DueCommand, Prepared } from './command.ts';
import type { Resident } from './resident.ts';

/** What one flush does to one run: the events, and the rows that follow from what they moved. */
export class PartDraft {
  readonly run: Resident;
  readonly trace: Trace = { nodes: [], ready: [] };
  readonly events: PartEvent[] = [];
  readonly at: number;
  /** attempts that were ended by something other than themselves, and what their worker is to be told */
  readonly signals: { worker: string; state: LeaseState }[] = [];
  /** how much of the trace `advance` has looked at */
  advanced = 0;
  /** nodes whose expressions are to be evaluated after the commit */
  readonly evaluate: string[] = [];
  expired: Part['expired'];
  unique: Part['unique'];
  readonly #leaseMs: number;
  readonly #isNew: boolean;
  readonly #firstSeq: number;
  readonly #fence: number;
  readonly #boots = new Map<string, string>();
  readonly #producers = new Map<string, ProducerChange>();
  readonly #due = new Map<string, DueRow>();
  readonly #undue = new Set<string>();
  #moved = false;

  /** `leaseMs`: how long an attempt that starts in this flush holds its lease without renewing it */
  constructor(run: Resident, now: number, leaseMs: number) {
    this.run = run;
    this.#leaseMs = leaseMs;
    this.at = Math.max(now, run.at);
    this.#isNew = run.head === 0;
    this.#firstSeq = run.head + 1;
    this.#fence = run.ctl;
  }

  get control(): ControlView {
    return this.run.control;
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
      if (!own) this.#interrupt(plain);
      foldControl(this.run.control, { ...plain, seq: this.run.head, at: this.at } as RunEvent, undefined, this.trace);
      this.#timers(plain);
    }
    return this.run.head;
  }

  #interrupt(event: NewEvent): void {
    const { nodes } = this.control;
    const tell = (node: NodeView | undefined, state: LeaseState['state'], reason: string) => {
      if (node?.status !== 'running' || node.items || node.worker === undefined) return;
      this.signals.push({
        worker: node.worker,
        state: { run: this.run.key.run, node: node.id, attempt: node.attempt, state, reason },
      });
    };
    switch (event.type) {
      case 'attempt.lost':
        tell(nodes[event.node ?? ''], 'lost', event.data.reason);
        return;
      case 'node.cancelled':
        tell(nodes[event.node ?? ''], 'lost', event.data.reason);
        return;
      case 'node.failed':
      case 'node.retrying':
        tell(nodes[event.node ?? ''], 'timeout', event.data.error.code);
        return;
      case 'run.stopping':
        for (const id in nodes) tell(nodes[id], 'cancel', event.data.outcome);
        return;
      default:
        return;
    }
  }

  /** Remembers where the attempt that was just started lives. */
  startedBy(node: string, boot: string): void {
    this.#boots.set(node, boot);
  }

  producer(id: string, term: number, sequence: number): void {
    const before = this.#producers.get(id);
    const known = this.run.producers.get(id);
    const was = before ? before.was : known ? { term: known.term, sequence: known.sequence } : null;
    this.#producers.set(id, { id, term, sequence, was, last: this.events.length - 1 });
    this.run.producers.set(id, { term, sequence, seq: this.run.head });
  }

  due(key: string, at: number, command: DueCommand): void {
    this.#undue.delete(key);
    this.#due.set(key, { ...this.run.key, key, at, command: JSON.stringify(command) });
  }

  undue(key: string): void {
    this.#due.delete(key);
    this.#undue.add(key);
  }

  #timers(event: NewEvent): void {
    switch (event.type) {
      case 'node.retrying':
        this.due(`retry/${event.node}`, event.data.nextAt, {
          type: 'requeue',
          node: event.node as string,
          attempt: event.attempt as number,
        });
        return;
      case 'node.started': {
        const limit = graphIndex(this.control.graph).nodes.get(definitionId(event.node as string))?.timeout;
        if (limit === undefined || this.control.external) return;
        this.due(`timeout/${event.node}`, this.at + limit, {
          type: 'timeout',
          node: event.node as string,
          attempt: event.attempt as number,
        });
        return;
      }
      case 'approval.requested': {
        const { approvalId: wait, timeoutAt } = event.data;
        if (timeoutAt !== undefined) this.due(`wait/${wait}`, timeoutAt, { type: 'wait-timeout', wait, timeoutAt });
        return;
      }
      case 'approval.resolved':
        this.undue(`wait/${event.data.approvalId}`);
        return;
      case 'run.stopping':
        this.due('grace', event.data.graceUntil, { type: 'grace' });
        return;
      default:
        return;
    }
  }

  /** The part as the store wants it. Rows are derived from what moved, never kept beside it. */
  finish(): Part {
    const { control, key } = this.run;
    const part: Part = { ...key, fence: this.#isNew ? 'new' : { ctl: this.#fence }, events: this.events };
    if (this.unique) part.unique = this.unique;
    if (this.expired) part.expired = this.expired;
    if (this.#producers.size > 0) part.producers = [...this.#producers.values()];
    if (this.#moved) this.#rows(part);
    if (isTerminal(control.status)) {
      part.dequeueAll = true;
      part.undueAll = true;
    } else {
      if (this.#due.size > 0) part.due = [...this.#due.values()];
      if (this.#undue.size > 0) part.undue = [...this.#undue];
    }
    return part;
  }

  #rows(part: Part): void {
    const { control } = this;
    const queue = control.options.queue;
    part.row = {
      status: control.status,
      ended: isTerminal(control.status),
      summary: summarise(control, this.run.head, this.at),
      ...(queue === undefined ? {} : { queue }),
    };
    if (!control.external) this.#nodeRows(part);
  }

  #nodeRows(part: Part): void {
    const before = new Map<string, string>();
    for (const { id, from } of this.trace.nodes) if (!before.has(id)) before.set(id, from);
    const enqueue: QueueRow[] = [];
    const dequeue: string[] = [];
    const lease: LeaseRow[] = [];
    const release: string[] = [];
    for (const [id, from] of before) {
      const node = this.control.nodes[id] as NodeView;
      const dispatches = this.control.status === 'created' || this.control.status === 'running';
      if (node.status === 'queued' && dispatches) enqueue.push(this.#queueRow(node));
      else if (from === 'queued') dequeue.push(id);
      if (from === 'running') release.push(id);
      if (node.status === 'running' && !node.items) lease.push(this.#leaseRow(node));
      if (from === 'running') this.undue(`timeout/${id}`);
      if (from === 'retrying') this.undue(`retry/${id}`);
      if (from === 'pending') this.undue(`evaluate/${id}`);
    }
    if (enqueue.length > 0) part.enqueue = enqueue;
    if (dequeue.length > 0) part.dequeue = dequeue;
    if (lease.length > 0) part.lease = lease;
    if (release.length > 0) part.release = release;
  }

  #queueRow(node: NodeView): QueueRow {
    const { control } = this;
    const definition = graphIndex(control.graph).nodes.get(definitionId(node.id));
    return {
      ...this.run.key,
      node: node.id,
      task: node.task ?? node.id,
      ...(node.version === undefined ? {} : { version: node.version }),
      queue: definition?.queue ?? control.options.queue ?? 'default',
      priority: definition?.priority ?? control.options.priority ?? 0,
      at: Math.max(this.at, control.options.delayUntil ?? 0),
    };
  }

  #leaseRow(node: NodeView): LeaseRow {
    return {
      ...this.run.key,
      node: node.id,
      attempt: node.attempt,
      worker: node.worker ?? '',
      boot: this.#boots.get(node.id) ?? '',
      expires: this.at + this.#leaseMs,
    };
  }

  /** The full texts of the part's events, joined, once the store has given the first its place. */
  textFrom(first: number, at: number): string {
    return this.events.map((event, index) => eventText(first + index, at, event.text)).join(',');
  }

  get firstSeq(): number {
    return this.#firstSeq;
  }
}

/** An event's JSON text after `"at":…,`. */
export function tailOf(event: NewEvent): string {
  const { type, node, step, attempt, by, data } = event;
  return JSON.stringify({ type, node, step, attempt, by, data }).slice(1);
}
