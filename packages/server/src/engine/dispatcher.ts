import { type Assignment, type Clock, MillraceError, type WorkerRegistration } from '@millrace/protocol';
import type { Files } from '../files/files.ts';
import type { QueueRow, Store } from '../store/store.ts';
import { assignmentOf } from './assignment.ts';
import { Backlog, type Seeker } from './backlog.ts';
import type { EngineCommand } from './command.ts';
import type { CommitLoop } from './commit-loop.ts';
import type { Answer, Hands } from './flush.ts';
import { tailOf } from './part-draft.ts';
import type { Residents } from './resident.ts';
import type { Timings } from './timings.ts';

interface Waiter {
  tenant: string;
  worker: WorkerRegistration;
  boot: string;
  limit: number;
  hand: Hand;
  /** true = nobody waits for the answer any more */
  gone: boolean;
  serving: boolean;
  /** work came while it was being served */
  again: boolean;
  answer(assignments: Assignment[]): void;
}

/** What a worker gets beside what its claims find in the queue. */
interface Hand extends Seeker {
  /** attempts that start in the present flush */
  starts: Promise<Assignment | undefined>[];
  /** how many starts are on their way */
  owed: number;
  /** those that were committed when the worker had just been answered: for its next claim */
  ready: Assignment[];
}

/**
 * Hands queued nodes to workers that ask for them. A claim is a decision like any other: node.started, in the log. A
 * node that is queued while a worker waits for such starts in the very transaction that queues it
 * (docs/decisions/0013); the queue is for what nobody waits for.
 */
export class Dispatcher implements Hands {
  readonly #backlog: Backlog;
  readonly #loop: CommitLoop;
  readonly #residents: Residents;
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #timings: Timings;
  readonly #waiters = new Set<Waiter>();
  readonly #hands = new WeakMap<WorkerRegistration, Hand>();
  /** with what ends the wait for the next claim of their workers */
  readonly #unclaimed = new Map<Hand, () => void>();
  #closed = false;

  constructor(options: {
    store: Store;
    loop: CommitLoop;
    residents: Residents;
    files: Files;
    clock: Clock;
    timings: Timings;
  }) {
    this.#backlog = new Backlog(options.store, options.clock);
    this.#loop = options.loop;
    this.#residents = options.residents;
    this.#files = options.files;
    this.#clock = options.clock;
    this.#timings = options.timings;
  }

  /** Resolves with work as soon as there is some, else with [] after `wait` ms or when `signal` aborts. */
  claim(
    tenant: string,
    worker: WorkerRegistration,
    boot: string,
    request: { limit: number; wait: number },
    signal?: AbortSignal,
  ): Promise<Assignment[]> {
    const hand = this.#handOf(tenant, worker);
    if (hand.ready.length > 0 && !signal?.aborted) return Promise.resolve(this.#collect(hand));
    return new Promise((resolve, reject) => {
      const finish = (assignments: Assignment[]) => {
        waiter.gone = true;
        this.#waiters.delete(waiter);
        cancel();
        signal?.removeEventListener('abort', leave);
        resolve(assignments);
      };
      const waiter: Waiter = {
        tenant,
        worker,
        boot,
        limit: Math.max(1, request.limit),
        hand,
        serving: false,
        again: false,
        answer: finish,
        gone: request.wait <= 0 || signal?.aborted === true,
      };
      const leave = () => {
        if (!waiter.serving && hand.owed === 0) finish([]);
        else waiter.gone = true;
      };
      const cancel = waiter.gone ? () => undefined : this.#clock.after(request.wait, leave);
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiters.add(waiter);
      if (!waiter.gone && this.#backlog.isDrained(hand)) return;
      this.#serve(waiter).catch((error: unknown) => {
        finish([]);
        this.#keep(hand);
        reject(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }

  /** There may be work for this tenant's waiters. */
  wake(tenant: string): void {
    this.#backlog.wake(tenant);
    for (const waiter of this.#waiters) {
      if (waiter.tenant !== tenant) continue;
      if (waiter.serving) waiter.again = true;
      else
        this.#serve(waiter).catch(() => {
          waiter.answer([]);
          this.#keep(waiter.hand);
        });
    }
  }

  close(): void {
    this.#closed = true;
    for (const hand of [...this.#unclaimed.keys()]) this.#giveBack(hand);
    for (const waiter of this.#waiters) if (!waiter.serving) waiter.answer([]);
  }

  free(tenant: string): boolean {
    for (const waiter of this.#waiters) if (waiter.tenant === tenant && roomOf(waiter) > 0) return true;
    return false;
  }

  /** The waiter with the most room gets the row, if it takes such work. */
  take(row: QueueRow): ReturnType<Hands['take']> {
    let best: Waiter | undefined;
    for (const waiter of this.#waiters) {
      if (roomOf(waiter) > (best ? roomOf(best) : 0) && takes(waiter, row)) best = waiter;
    }
    if (!best) return undefined;
    const { hand } = best;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    hand.owed += 1;
    if (hand.starts.length === 0) queueMicrotask(() => void this.#deliver(hand, hand.starts.splice(0)));
    hand.starts.push(promise.then(({ written }) => (written ? this.#assignment(row) : undefined)));
    return { command: startOf(best, row, this.#timings.lease), resolve, reject };
  }

  looks(...batch: Parameters<Hands['looks']>): ReturnType<Hands['looks']> {
    return this.#backlog.looks(...batch);
  }

  /** Tells the worker of what started, or keeps it for the worker's next claim. */
  async #deliver(hand: Hand, starts: Promise<Assignment | undefined>[]): Promise<void> {
    const settled = await Promise.allSettled(starts);
    hand.owed -= starts.length;
    for (const one of settled) if (one.status === 'fulfilled' && one.value) hand.ready.push(one.value);
    for (const waiter of this.#waiters) {
      if (waiter.hand !== hand) continue;
      if (waiter.serving) return;
      if (hand.ready.length > 0) return waiter.answer(this.#collect(hand));
      if (waiter.gone && hand.owed === 0) waiter.answer([]);
      return;
    }
    this.#keep(hand);
  }

  #keep(hand: Hand, ...assignments: Assignment[]): void {
    hand.ready.push(...assignments);
    if (hand.ready.length === 0 || this.#unclaimed.has(hand)) return;
    if (this.#closed) return this.#giveBack(hand);
    this.#unclaimed.set(
      hand,
      this.#clock.after(this.#timings.lease / 2, () => this.#giveBack(hand)),
    );
  }

  /** What was started for the worker and it has not been told of. */
  #collect(hand: Hand): Assignment[] {
    this.#unclaimed.get(hand)?.();
    this.#unclaimed.delete(hand);
    return hand.ready.splice(0);
  }

  /** A worker that claims no more is not waited for: what it does not know of goes back to the queue. */
  #giveBack(hand: Hand): void {
    for (const assignment of this.#collect(hand)) {
      const { run, node, attempt } = assignment;
      const event = { type: 'node.parked' as const, node, attempt, data: { reason: 'draining' as const } };
      const parked: EngineCommand = {
        type: 'attempt',
        lease: { run, node, attempt },
        sequence: 1,
        events: [{ event, text: tailOf(event) }],
      };
      this.#loop.submit({ tenant: hand.tenant, run }, parked).catch((error: unknown) => {
        if (!this.#closed && error instanceof MillraceError && error.row.retry) this.#keep(hand, assignment);
      });
    }
  }

  async #serve(waiter: Waiter): Promise<void> {
    const { hand } = waiter;
    waiter.serving = true;
    try {
      for (let more = true; more; ) {
        waiter.again = false;
        const limit = waiter.limit - hand.owed - hand.ready.length;
        if (limit <= 0) break;
        const kept = this.#backlog.take(hand, limit);
        const rows = kept.length > 0 ? kept : await this.#backlog.look(hand, limit);
        const started = await Promise.all(rows.map((row) => this.#start(waiter, row)));
        hand.ready.push(...started.filter((one) => one !== undefined));
        more = hand.ready.length === 0 && (kept.length > 0 || (waiter.again && !waiter.gone));
      }
    } finally {
      waiter.serving = false;
    }
    if (hand.ready.length > 0 || (waiter.gone && hand.owed === 0)) waiter.answer(this.#collect(hand));
  }

  async #start(waiter: Waiter, row: QueueRow): Promise<Assignment | undefined> {
    try {
      const answer = await this.#loop.submit(row, startOf(waiter, row, this.#timings.lease));
      return answer.written ? await this.#assignment(row) : undefined;
    } finally {
      this.#backlog.done(row);
    }
  }

  #assignment(row: QueueRow): Promise<Assignment | undefined> {
    return assignmentOf(row, { residents: this.#residents, files: this.#files, leaseMs: this.#timings.lease });
  }

  #handOf(tenant: string, worker: WorkerRegistration): Hand {
    const hand = this.#hands.get(worker) ?? {
      tenant,
      worker,
      drained: undefined,
      kept: [],
      starts: [],
      owed: 0,
      ready: [],
    };
    this.#hands.set(worker, hand);
    return hand;
  }
}

/** Nothing may be given to one that is looking into the queue: what it finds there was queued before. */
function roomOf({ serving, gone, limit, hand }: Waiter): number {
  return serving || gone ? 0 : limit - hand.owed;
}

function takes({ tenant, worker: { tasks, queues } }: Waiter, row: QueueRow): boolean {
  if (row.tenant !== tenant || (queues && !queues.includes(row.queue))) return false;
  return tasks.some(({ name, version }) => name === row.task && (row.version === undefined || row.version === version));
}

function startOf({ worker, boot }: Waiter, row: QueueRow, lease: number): EngineCommand {
  const version = worker.tasks.find((task) => task.name === row.task)?.version;
  return {
    type: 'start',
    node: row.node,
    worker: worker.id,
    boot,
    lease,
    ...(version === undefined ? {} : { version }),
  };
}
