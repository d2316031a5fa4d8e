import { errors, isErrorCode, MillraceError, type Refusal } from '@millrace/protocol';
import type { ClaimRequest, Part, QueueRow, RunKey } from '../store/store.ts';
import { advance } from './advance.ts';
import type { EngineCommand } from './command.ts';
import { decide } from './decide.ts';
import { attemptProducer } from './decide-attempt.ts';
import { readyRows } from './node-rows.ts';
import type { Outcome } from './outcome.ts';
import { PartDraft } from './part-draft.ts';
import type { Resident, Residents } from './resident.ts';
import type { Timings } from './timings.ts';

/** What a command's sender is told once it is committed. */
export interface Answer {
  /** seq of the last event that the command wrote, or wrote the first time; 0 = nothing was to be done */
  seq: number;
  repeated: boolean;
  written: boolean;
  result?: unknown;
}

/** What a part holds to beside its run's own fence, and the due row that it carries out. */
export type Guards = Pick<Part, 'unique' | 'spend' | 'starts'> & { settles?: string };

/** A command that waits to be decided. */
export interface Item {
  key: RunKey;
  command: EngineCommand;
  guards: Guards | undefined;
  tries: number;
  /** it was decided on what the store held after it had come in */
  confirmed: boolean;
  /** it follows from what its flush did to the run, and goes with it */
  bound?: true;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** Workers that wait for work. */
export interface Hands {
  /** whether a worker of the tenant waits */
  free(tenant: string): boolean;
  /** Gives a row that a flush has just queued to a worker that waits for such; undefined = it goes to the queue. */
  take(row: QueueRow): Pick<Item, 'command' | 'resolve' | 'reject'> | undefined;
  /** What the commit of these parts is to look for in the queue, for those whose attempts end in it. */
  looks(drafts: readonly PartDraft[], parts: readonly Part[]): Look[];
}

/** A look into the queue that goes with a commit. */
export interface Look {
  ask: ClaimRequest;
  /** is told when the commit is done; rows of another look of the same commit may be among them */
  found(rows: readonly QueueRow[]): void;
}

/** What an item is to be answered if its draft is committed. */
export interface Decided {
  item: Item;
  draft: PartDraft;
  answer: Answer | MillraceError;
}

export interface FlushPlace {
  residents: Residents;
  timings: Timings;
  newId: () => string;
  now: number;
}

/** The decisions of one turn: what they do to each run is one draft. */
export class Flush {
  readonly #place: FlushPlace;
  readonly #drafts = new Map<Resident, PartDraft>();
  #decided: Decided[] = [];

  constructor(place: FlushPlace) {
    this.#place = place;
  }

  get decided(): readonly Decided[] {
    return this.#decided;
  }

  /** Drafts that write something. */
  get written(): PartDraft[] {
    return [...this.#drafts.values()].filter((draft) => draft.events.length > 0);
  }

  /** Decides the item on its run, as the items before it left that. */
  take(item: Item, run: Resident): void {
    let draft = this.#drafts.get(run);
    if (!draft) {
      draft = new PartDraft(run, this.#place.now, this.#place.timings);
      this.#drafts.set(run, draft);
    }
    try {
      this.#decided.push({ item, draft, answer: this.#decide(item, draft) });
    } catch (error) {
      // A defect, not a refusal: the view may be half folded, so it goes, and its whole part with it.
      this.#place.residents.drop(item.key);
      this.#drafts.delete(run);
      for (const other of this.#decided.filter((one) => one.draft === draft)) other.item.reject(internal(error));
      item.reject(internal(error));
      this.#decided = this.#decided.filter((one) => one.draft !== draft);
    }
  }

  /** Starts at once what was queued just now and a worker waits for: in the queue's order, in the same transaction. */
  handOut(hands: Hands): void {
    const ready: { row: QueueRow; run: Resident }[] = [];
    for (const { control, trace, key, at, run } of this.written) {
      if (!hands.free(key.tenant)) continue;
      for (const row of readyRows(control, trace.nodes, { key, at })) ready.push({ row, run });
    }
    if (ready.length > 1) ready.sort((a, b) => b.row.priority - a.row.priority);
    for (const { row, run } of ready) {
      const start = hands.take(row);
      if (start) this.take({ ...start, key: run.key, guards: undefined, tries: 0, confirmed: true, bound: true }, run);
    }
  }

  #decide(item: Item, draft: PartDraft): Answer | MillraceError {
    const { command } = item;
    if (item.guards?.spend?.some(({ id }) => draft.spend?.some((spent) => spent.id === id))) {
      return new MillraceError('link_spent');
    }
    const producer = producerOf(command);
    const known = producer === undefined ? undefined : (draft.run.producers.get(producer) ?? undefined);
    const outcome: Outcome = decide(draft.control, command, {
      now: draft.at,
      grace: this.#place.timings.grace,
      newId: this.#place.newId,
      producer: known,
    });
    switch (outcome.kind) {
      case 'refuse':
        return refusalError(outcome.refusal);
      case 'nothing':
        return { seq: 0, repeated: false, written: false };
      case 'repeat':
        return { seq: outcome.seq, repeated: true, written: false };
      case 'write': {
        if (item.guards?.settles !== undefined) draft.obligations.settle(item.guards.settles);
        if (item.guards?.unique) draft.unique = item.guards.unique;
        if (item.guards?.spend) draft.spend = [...(draft.spend ?? []), ...item.guards.spend];
        if (item.guards?.starts) draft.starts = item.guards.starts;
        if (outcome.expired) draft.expired = [...(draft.expired ?? []), outcome.expired];
        let seq = 0;
        for (const event of outcome.events) seq = draft.add(event, command.type === 'attempt');
        if (command.type === 'start') draft.startedBy(command.node, command.boot);
        if (outcome.producer) draft.producer(outcome.producer.id, outcome.producer.term, outcome.producer.sequence);
        this.#advance(draft);
        return {
          seq,
          repeated: false,
          written: outcome.events.length > 0,
          ...(outcome.result === undefined ? {} : { result: outcome.result }),
        };
      }
    }
  }

  #advance(draft: PartDraft): void {
    const { control, trace, at } = draft;
    let from = draft.advanced;
    for (;;) {
      const nodes = from === 0 ? trace.nodes : trace.nodes.slice(from);
      from = trace.nodes.length;
      const events = advance(control, nodes, at, this.#place.timings);
      if (events.length === 0 && trace.nodes.length === from) break;
      for (const event of events) draft.add(event);
    }
    draft.advanced = from;
    if (trace.ready.length === 0) return;
    for (const id of trace.ready.splice(0)) {
      if (!draft.control.nodes[id]?.ready) continue;
      draft.evaluate.push(id);
      draft.obligations.owe(`evaluate/${id}`, draft.at, { type: 'evaluate', node: id });
    }
  }
}

export function producerOf(command: EngineCommand): string | undefined {
  if (command.type === 'append') return command.producer?.id;
  if (command.type === 'user') return command.key?.id;
  return command.type === 'attempt' ? attemptProducer(command.lease.node) : undefined;
}

function refusalError(refusal: Refusal): MillraceError {
  return new MillraceError(refusal.code, {
    detail: refusal.detail ?? errors[refusal.code].title,
    ...(refusal.facts ? { facts: refusal.facts } : {}),
  });
}

export function internal(error: unknown): MillraceError {
  const known = error instanceof MillraceError && isErrorCode(error.code);
  return known ? error : new MillraceError('internal', { cause: error });
}
