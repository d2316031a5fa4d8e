import { type Clock, MillraceError } from '@millrace/protocol';
import { type Bus, type BusMessage, topics } from '../bus/bus.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Batch, CommitResult, Part, PartRefusal, RunKey, Store } from '../store/store.ts';
import type { EngineCommand } from './command.ts';
import { type Answer, Flush, type Guards, type Hands, type Item, internal, type Look, producerOf } from './flush.ts';
import type { PartDraft } from './part-draft.ts';
import type { Residents } from './resident.ts';
import type { Timings } from './timings.ts';

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
  readonly #hands: () => Hands;
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
    hands: () => Hands;
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
    this.#hands = options.hands;
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
    const now = this.#clock.now();
    const flush = new Flush({ residents: this.#residents, timings: this.#timings, newId: this.#newId, now });
    for (const item of items) {
      const create = item.command.type === 'create';
      const run = this.#residents.get(item.key) ?? (create ? this.#residents.create(item.key) : undefined);
      if (run && (create || this.#isReady(item))) flush.take(item, run);
      else this.#enter(item);
    }
    flush.handOut(this.#hands());
    const { written } = flush;
    const refused = written.length === 0 ? new Map<PartDraft, PartRefusal>() : await this.#commit(written, now);
    for (const { item, draft, answer } of flush.decided) this.#settle(item, answer, refused, draft);
    this.#flushing = false;
    for (const resolve of this.#idle.splice(0)) resolve();
    this.#schedule();
  }

  /** Answers which drafts were refused, and why; a store that failed refuses none but throws into every sender. */
  async #commit(drafts: PartDraft[], now: number): Promise<Map<PartDraft, PartRefusal> | Error> {
    const parts = drafts.map((draft) => draft.finish());
    this.#n += 1;
    const looks = this.#hands().looks(drafts, parts);
    let answer: CommitResult;
    try {
      answer = await this.#store.commit({ server: this.#server, n: this.#n, at: now, parts, ...asksOf(looks) });
    } catch (error) {
      for (const draft of drafts) this.#residents.drop(draft.run.key);
      this.#metrics.count('commit_failures_total');
      return error instanceof MillraceError ? error : internal(error);
    }
    answer.claimable?.forEach((rows, place) => {
      looks[place]?.found(rows);
    });
    const refused = new Map<PartDraft, PartRefusal>();
    const messages: BusMessage[] = [];
    for (const [index, draft] of drafts.entries()) {
      const result = answer.parts[index];
      if (!result?.ok) {
        this.#residents.drop(draft.run.key);
        refused.set(draft, result?.reason ?? 'conflict');
        continue;
      }
      addMessages(messages, draft, parts[index] as Part, result.first, result.at);
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
      if (reason !== undefined) return item.bound ? item.resolve(NOTHING) : this.#again(item, reason);
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
    if (gone) return item.resolve(NOTHING);
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

const NOTHING: Answer = { seq: 0, repeated: false, written: false };

const asksOf = (looks: readonly Look[]): Pick<Batch, 'asks'> =>
  looks.length > 0 ? { asks: looks.map(({ ask }) => ask) } : {};

function addMessages(messages: BusMessage[], draft: PartDraft, part: Part, first: number, at: number): void {
  const { tenant } = draft.key;
  const written = new WrittenEvents(draft, first, at, part.row?.ended ?? false);
  messages.push(written);
  if (part.row) {
    const row: BusMessage = {
      kind: 'row',
      topic: topics.rows(tenant),
      tenant,
      row: { ...part.row.summary, seq: written.through },
    };
    if (part.row.queue !== undefined) row.queue = part.row.queue;
    messages.push(row);
  }
  if (part.enqueue?.length || part.slots?.some(({ delta }) => delta < 0))
    messages.push({ kind: 'work', topic: topics.work(tenant), tenant });
}

/** A part's events as the bus carries them. Nobody may want their text: then it is not put together. */
class WrittenEvents {
  readonly kind = 'events' as const;
  readonly topic: string;
  readonly tenant: string;
  readonly run: string;
  readonly seq: number;
  readonly through: number;
  readonly ended: boolean;
  readonly #draft: PartDraft;
  readonly #at: number;
  #text: string | undefined;

  constructor(draft: PartDraft, first: number, at: number, ended: boolean) {
    const { tenant, run } = draft.key;
    this.topic = topics.run(tenant, run);
    this.tenant = tenant;
    this.run = run;
    this.seq = first;
    this.through = first + draft.events.length - 1;
    this.ended = ended;
    this.#draft = draft;
    this.#at = at;
  }

  get text(): string {
    this.#text ??= this.#draft.textFrom(this.seq, this.#at);
    return this.#text;
  }
}
