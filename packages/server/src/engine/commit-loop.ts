import { type Clock, errors, isErrorCode, MillraceError, type Refusal } from '@millrace/protocol';
import { type Bus, type BusMessage, topics } from '../bus/bus.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Part, PartRefusal, RunKey, Store } from '../store/store.ts';
import { advance } from './advance.ts';
import type { EngineCommand } from './command.ts';
import { decide } from './decide.ts';
import { attemptProducer } from './decide-attempt.ts';
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

interface Item {
  key: RunKey;
  command: EngineCommand;
  guards: Guards | undefined;
  tries: number;
  /** it was decided on what the store held after it had come in */
  confirmed: boolean;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** What the loop tells the engine after each commit. */
export interface Committed {
  draft: PartDraft;
  part: Part;
}

const TRIES = 8;

/**
 * The engine queues commands, not events. Once per turn of the event loop a flush decides every queued command on
 * the residents, in order, writes one transaction, and only when that is committed publishes and answers. If the
 * commit fails, every resident that ran ahead is dropped and every sender told: nothing of it ever was.
 */
export class CommitLoop {
  readonly #store: Store;
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #residents: Residents;
  readonly #server: string;
  readonly #timings: Timings;
  readonly #newId: () => string;
  readonly #onCommitted: (committed: Committed) => void;
  #queue: Item[] = [];
  #scheduled = false;
  #flushing = false;
  #n = 0;
  #idle: (() => void)[] = [];

  constructor(options: {
    store: Store;
    bus: Bus;
    clock: Clock;
    metrics: Metrics;
    residents: Residents;
    server: string;
    timings: Timings;
    newId: () => string;
    onCommitted: (committed: Committed) => void;
  }) {
    this.#store = options.store;
    this.#bus = options.bus;
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#residents = options.residents;
    this.#server = options.server;
    this.#timings = options.timings;
    this.#newId = options.newId;
    this.#onCommitted = options.onCommitted;
  }

  /** Resolves after the commit. Rejects with a refusal's code, or with the store's. */
  submit(key: RunKey, command: EngineCommand, guards?: Guards): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#enter({ key, command, guards, tries: 0, confirmed: !this.#store.capabilities.shared, resolve, reject });
    });
  }

  /** Queues the item at once where the run is in memory, else as soon as it has been read. */
  #enter(item: Item): void {
    if (item.command.type === 'create' || this.#isReady(item)) {
      this.#queue.push(item);
      this.#schedule();
      return;
    }
    this.#load(item).then(() => {
      this.#queue.push(item);
      this.#schedule();
    }, item.reject);
  }

  #isReady({ key, command }: Item): boolean {
    const run = this.#residents.get(key);
    if (!run) return false;
    const producer = producerOf(command);
    return producer === undefined || run.whole || run.producers.has(producer);
  }

  async #load({ key, command }: Item): Promise<void> {
    const run = await this.#residents.load(key);
    const producer = producerOf(command);
    if (producer === undefined || run.producers.has(producer)) return;
    const state = (await this.#store.producer(key, producer)) ?? null;
    if (!run.producers.has(producer)) run.producers.set(producer, state);
  }

  /** Resolves when no flush is under way: from then to the end of the turn, residents are what is committed. */
  async settled(): Promise<void> {
    while (this.#flushing) await this.#flushed();
  }

  /** Resolves when nothing is queued any more. */
  async drained(): Promise<void> {
    while (this.#flushing || this.#queue.length > 0) await this.#flushed();
  }

  #flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#flushing || this.#queue.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    const items = this.#queue;
    this.#queue = [];
    const drafts = new Map<Resident, PartDraft>();
    const decided: { item: Item; draft: PartDraft; answer: Answer | MillraceError }[] = [];
    const now = this.#clock.now();
    for (const item of items) {
      const run =
        this.#residents.get(item.key) ??
        (item.command.type === 'create' ? this.#residents.create(item.key) : undefined);
      if (!run || (item.command.type !== 'create' && !this.#isReady(item))) {
        this.#enter(item);
        continue;
      }
      let draft = drafts.get(run);
      if (!draft) {
        draft = new PartDraft(run, now, this.#timings);
        drafts.set(run, draft);
      }
      try {
        decided.push({ item, draft, answer: this.#decide(item, draft) });
      } catch (error) {
        // A defect, not a refusal: the view may be half folded, so it goes, and its whole part with it.
        this.#residents.drop(item.key);
        drafts.delete(run);
        for (const other of decided.filter((one) => one.draft === draft)) other.item.reject(internal(error));
        item.reject(internal(error));
        decided.splice(0, decided.length, ...decided.filter((one) => one.draft !== draft));
      }
    }
    const written = [...drafts.values()].filter((draft) => draft.events.length > 0);
    const refused = written.length === 0 ? new Map<PartDraft, PartRefusal>() : await this.#commit(written, now);
    for (const { item, draft, answer } of decided) this.#settle(item, answer, refused, draft);
    this.#flushing = false;
    for (const resolve of this.#idle.splice(0)) resolve();
    this.#schedule();
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
      grace: this.#timings.grace,
      newId: this.#newId,
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
    let from = draft.advanced;
    for (;;) {
      const trace = { nodes: draft.trace.nodes.slice(from), ready: [] };
      from = draft.trace.nodes.length;
      const events = advance(draft.control, trace, draft.at, this.#timings);
      if (events.length === 0 && draft.trace.nodes.length === from) break;
      for (const event of events) draft.add(event);
    }
    draft.advanced = from;
    for (const id of draft.trace.ready.splice(0)) {
      if (!draft.control.nodes[id]?.ready) continue;
      draft.evaluate.push(id);
      draft.obligations.owe(`evaluate/${id}`, draft.at, { type: 'evaluate', node: id });
    }
  }

  /** Answers which drafts were refused, and why; a store that failed refuses none but throws into every sender. */
  async #commit(drafts: PartDraft[], now: number): Promise<Map<PartDraft, PartRefusal> | Error> {
    const parts = drafts.map((draft) => draft.finish());
    this.#n += 1;
    let results: Awaited<ReturnType<Store['commit']>>['parts'];
    try {
      results = (await this.#store.commit({ server: this.#server, n: this.#n, at: now, parts })).parts;
    } catch (error) {
      for (const draft of drafts) this.#residents.drop(draft.run.key);
      this.#metrics.count('commit_failures_total');
      return error instanceof MillraceError ? error : internal(error);
    }
    const refused = new Map<PartDraft, PartRefusal>();
    const messages: BusMessage[] = [];
    for (const [index, draft] of drafts.entries()) {
      const result = results[index];
      if (!result?.ok) {
        this.#residents.drop(draft.run.key);
        refused.set(draft, result?.reason ?? 'conflict');
        continue;
      }
      messages.push(...messagesOf(draft, parts[index] as Part, result.first, result.at));
      draft.shift = result.first - draft.firstSeq;
      if (draft.shift === 0) draft.run.ctl = draft.control.ctl;
      else this.#residents.drop(draft.run.key);
    }
    this.#metrics.count(
      'events_total',
      drafts.reduce((sum, draft) => sum + draft.events.length, 0),
    );
    this.#bus.publish(messages);
    for (const [index, draft] of drafts.entries()) {
      if (refused.has(draft)) continue;
      this.#onCommitted({ draft, part: parts[index] as Part });
      if (draft.evaluate.length === 0) this.#residents.settle(draft.run);
    }
    return refused;
  }

  #settle(
    item: Item,
    answer: Answer | MillraceError,
    refused: Map<PartDraft, PartRefusal> | Error,
    draft: PartDraft,
  ): void {
    if (draft.events.length > 0) {
      if (refused instanceof Error) return item.reject(refused);
      const reason = refused.get(draft);
      if (reason !== undefined) return this.#again(item, reason);
    }
    const writes = !(answer instanceof MillraceError) && answer.written;
    // Nothing fences what is not written: another server may have moved the run, or its producer, on.
    if (!writes && !item.confirmed) this.#confirm(item).catch(item.reject);
    else if (answer instanceof MillraceError) item.reject(answer);
    else item.resolve(answer.seq < draft.firstSeq ? answer : { ...answer, seq: answer.seq + draft.shift });
  }

  /** Decides once more, on a resident that is as new as the store's run. */
  async #confirm(item: Item): Promise<void> {
    item.confirmed = true;
    await this.#residents.refresh([item.key]);
    this.#enter(item);
  }

  /** The part dropped out because a row was not what the decision saw: decide again on what is there now. */
  #again(item: Item, reason: PartRefusal): void {
    const create = item.command.type === 'create';
    const gone = reason === 'lease' || (reason === 'slots' && !create) || (reason === 'exists' && create);
    if (gone) return item.resolve({ seq: 0, repeated: false, written: false });
    if (reason === 'grant') return item.reject(new MillraceError('link_spent'));
    if (reason === 'slots')
      return item.reject(new MillraceError('rate_limited', { detail: 'Too many runs were created.' }));
    if (reason === 'unique') return item.reject(new MillraceError('idempotency_conflict', { facts: { taken: true } }));
    item.tries += 1;
    if (reason === 'missing') return item.reject(new MillraceError('run_not_found'));
    if (item.tries >= TRIES || create) {
      return item.reject(
        new MillraceError('storage_unavailable', {
          detail: `The run changed ${item.tries} times while this was decided.`,
        }),
      );
    }
    this.#enter(item);
  }
}

function producerOf(command: EngineCommand): string | undefined {
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

function internal(error: unknown): MillraceError {
  const known = error instanceof MillraceError && isErrorCode(error.code);
  return known ? error : new MillraceError('internal', { cause: error });
}

function messagesOf(draft: PartDraft, part: Part, first: number, at: number): BusMessage[] {
  const { tenant, run } = draft.run.key;
  const through = first + draft.events.length - 1;
  // Nobody may want it: then it is not put together.
  let text: string | undefined;
  const messages: BusMessage[] = [
    {
      kind: 'events',
      topic: topics.run(tenant, run),
      tenant,
      run,
      seq: first,
      through,
      ended: part.row?.ended ?? false,
      get text() {
        text ??= draft.textFrom(first, at);
        return text;
      },
    },
  ];
  if (part.row) {
    messages.push({
      kind: 'row',
      topic: topics.rows(tenant),
      tenant,
      row: { ...part.row.summary, seq: through },
      ...(part.row.queue === undefined ? {} : { queue: part.row.queue }),
    });
  }
  if (part.enqueue?.length || part.slots?.some(({ delta }) => delta < 0))
    messages.push({ kind: 'work', topic: topics.work(tenant), tenant });
  return messages;
}
