import {
  type Clock,
  type LeaseRef,
  MillraceError,
  type NewEvent,
  type WaitView,
  type WorkerLink,
} from '@millrace/protocol';
import { isTransient, persist, type Random } from './backoff.ts';
import { nextTurn } from './clock.ts';
import { Ending } from './ending.ts';

/** Events that are written together or not at all. */
interface Group {
  events: NewEvent[];
  bytes: number;
  /** the attempt ends with this group: nothing may follow it */
  ends: boolean;
  resolve(seq: number): void;
  reject(error: unknown): void;
}

/** Who is told what an append's answer says beside that it was written. */
export interface AppendListener {
  lost(error: unknown): void;
  ended(wait: WaitView): void;
}

const BATCH_EVENTS = 500;
const BATCH_BYTES = 256 * 1024;
/** bytes that may wait before streams are told to hold on */
const ROOM = 1024 * 1024;

/** Refusals that mean that this attempt has nothing more to say. */
const OVER = new Set(['stale_attempt', 'stale_producer', 'producer_gap', 'run_ended', 'run_deleted', 'run_not_found']);

/**
 * The one way in which an attempt's events reach the log, in order: everything of a turn is one append, one append
 * is in flight, and what comes meanwhile is the next. An append that got no answer is repeated with the same sequence
 * and body, so it is written once. A batch that is refused is sent again group by group, so that a refusal
 * hits only what caused it. After the attempt's end or the loss of its lease nothing is sent and no promise settles.
 */
export class Appender {
  readonly #link: Pick<WorkerLink, 'append'>;
  readonly #lease: LeaseRef;
  readonly #place: { clock: Clock; random: Random };
  readonly #listener: AppendListener;
  readonly #closed = new Ending();
  #queue: Group[] = [];
  #bytes = 0;
  #sequence = 1;
  #scheduled = false;
  #sending = false;
  #room: (() => void)[] = [];
  #heard: WaitView[] = [];

  constructor(
    link: Pick<WorkerLink, 'append'>,
    lease: LeaseRef,
    place: { clock: Clock; random: Random },
    listener: AppendListener,
  ) {
    this.#link = link;
    this.#lease = lease;
    this.#place = place;
    this.#listener = listener;
  }

  /**
   * Resolves once the events are in the log, with a place at or after theirs and before any later append's.
   * Errors: those of {@link WorkerLink.append}, for these events alone.
   */
  push(events: NewEvent[], { ends = false } = {}): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#closed.ended) return;
      const bytes = weightOf(events);
      this.#bytes += bytes;
      this.#queue.push({ events, bytes, ends, resolve, reject });
      this.#schedule();
    });
  }

  /** Resolves when so little waits that a stream may go on. */
  async room(): Promise<void> {
    while (this.#bytes > ROOM && !this.#closed.ended) {
      await new Promise<void>((resolve) => this.#room.push(resolve));
    }
  }

  /** Waits that ended, as heard beside the appends: told after what is on its way and may stand before them in the log. */
  hear(ended: readonly WaitView[]): void {
    this.#heard.push(...ended);
    if (!this.#sending) this.#tellHeard();
  }

  close(): void {
    this.#closed.end();
    this.#queue = [];
    this.#bytes = 0;
    this.#wake();
  }

  #schedule(): void {
    if (this.#scheduled || this.#sending) return;
    this.#scheduled = true;
    nextTurn(() => {
      this.#scheduled = false;
      this.#sending = true;
      this.#drain().catch((error: unknown) => {
        this.close();
        this.#listener.lost(error);
      });
    });
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#deliver(this.#take());
      this.#tellHeard();
      this.#wake();
    }
    this.#sending = false;
  }

  #take(): Group[] {
    let bytes = 0;
    let events = 0;
    let count = 0;
    for (const group of this.#queue) {
      if (count > 0 && (bytes + group.bytes > BATCH_BYTES || events + group.events.length > BATCH_EVENTS)) break;
      bytes += group.bytes;
      events += group.events.length;
      count += 1;
      if (group.ends) break;
    }
    this.#bytes -= bytes;
    return this.#queue.splice(0, count);
  }

  async #deliver(groups: Group[]): Promise<void> {
    if (this.#closed.ended) return;
    const events = groups.flatMap((group) => group.events);
    const sequence = this.#sequence;
    let answer: Awaited<ReturnType<WorkerLink['append']>>;
    try {
      answer = await persist(() => this.#link.append(this.#lease, sequence, events), {
        ...this.#place,
        over: this.#closed,
      });
    } catch (error) {
      if (this.#closed.ended) return;
      if (isTransient(error) || (error instanceof MillraceError && OVER.has(error.code))) throw error;
      if (groups.length === 1) groups[0]?.reject(error);
      else for (const group of groups) await this.#deliver([group]);
      return;
    }
    this.#sequence += 1;
    for (const wait of answer.ended ?? []) this.#listener.ended(wait);
    for (const group of groups) group.resolve(answer.seq);
    if (groups.at(-1)?.ends) this.close();
  }

  #tellHeard(): void {
    for (const wait of this.#heard.splice(0)) this.#listener.ended(wait);
  }

  #wake(): void {
    const waiting = this.#room;
    this.#room = [];
    for (const go of waiting) go();
  }
}

/** About how many bytes a value takes as JSON: enough to cut batches by, and a third of the cost of writing it. */
function weightOf(value: unknown): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 8;
  let weight = 2;
  if (Array.isArray(value)) for (const item of value) weight += weightOf(item) + 1;
  else for (const key in value) weight += key.length + 4 + weightOf((value as Record<string, unknown>)[key]);
  return weight;
}
