import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import {
  type Assignment,
  type Clock,
  type LeaseState,
  MillraceError,
  type WorkerLink,
  type WorkflowDefinition,
} from '@millrace/protocol';
import { Attempt } from './attempt.ts';
import { backoff, overBy, persist, type Random } from './backoff.ts';
import { pause, systemClock } from './clock.ts';
import { createHeartbeat, type Heartbeat, noHeartbeat } from './heartbeat.ts';
import { createHttpLink } from './http-link.ts';
import { leaseKey } from './lease-book.ts';
import type { AnyTask } from './task.ts';
import { tasksOf } from './workflow.ts';

export type WorkerOptions = WorkerFacts & ({ link: WorkerLink } | { url: string; token: string });

interface WorkerFacts {
  /** tasks that its workflows' nodes were given need not be listed */
  tasks?: readonly AnyTask[];
  workflows?: readonly WorkflowDefinition[];
  /** attempts at the same time; default 10 */
  concurrency?: number;
  /** unique among all workers; default: from host, process and chance */
  id?: string;
  /** takes work of these queues only */
  queues?: readonly string[];
  clock?: Clock;
  random?: Random;
  /** told what failed and is being tried again, such as a server that cannot be reached */
  onError?: (error: unknown, during: string) => void;
}

export interface Worker {
  readonly id: string;
  /** Registers and begins to take work; waits for a server that is not there yet. Errors: those of a bad workflow or token. */
  start(): Promise<void>;
  /**
   * Takes nothing more and lets attempts go on for `drain` ms (default 0). The others are told to stop, `draining`,
   * and are handed back to the queue, at the latest {@link GRACE} ms later. Resolves when all is told.
   */
  stop(options?: { drain?: number }): Promise<void>;
}

/** ms that a claim waits at the server for work */
const CLAIM_WAIT = 20_000;
/** ms that an attempt gets to stop by itself when the worker shuts down, and then to be handed back */
export const GRACE = 2_000;

/** Executes attempts of the given tasks, over a link in this process or, with `url` and `token`, over HTTP. */
export function createWorker(options: WorkerOptions): Worker {
  return new ClaimingWorker(options);
}

class ClaimingWorker implements Worker {
  readonly id: string;
  readonly #tasks = new Map<string, AnyTask>();
  readonly #workflows: readonly WorkflowDefinition[];
  readonly #concurrency: number;
  readonly #queues: readonly string[] | undefined;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #report: (error: unknown, during: string) => void;
  readonly #link: WorkerLink;
  readonly #ownsLink: boolean;
  readonly #attempts = new Map<string, { attempt: Attempt; done: Promise<void> }>();
  readonly #stopping = new AbortController();
  #heartbeat: Heartbeat = noHeartbeat;
  #freed = () => {};
  #loop: Promise<void> | undefined;

  constructor(options: WorkerOptions) {
    this.id = options.id ?? `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
    this.#workflows = options.workflows ?? [];
    for (const task of [...(options.tasks ?? []), ...this.#workflows.flatMap(tasksOf)]) this.#add(task);
    this.#concurrency = options.concurrency ?? 10;
    this.#queues = options.queues;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#report = options.onError ?? (() => {});
    this.#ownsLink = !('link' in options);
    this.#link =
      'link' in options
        ? options.link
        : createHttpLink({ ...options, clock: this.#clock, random: this.#random, report: this.#report });
  }

  async start(): Promise<void> {
    const { signal } = this.#stopping;
    const times = await persist(() => this.#watched('registering', this.#register()), {
      clock: this.#clock,
      random: this.#random,
      over: overBy(signal),
    });
    this.#link.onSignal((state) => this.#told(state));
    if (!this.#link.renewsItself) {
      this.#heartbeat = createHeartbeat(this.#link, {
        ...times,
        worker: this.id,
        clock: this.#clock,
        tell: (state) => this.#told(state),
        report: this.#report,
      });
    }
    this.#loop = this.#take();
  }

  async stop({ drain = 0 }: { drain?: number } = {}): Promise<void> {
    this.#stopping.abort();
    this.#freed();
    await this.#loop;
    await this.#ended(drain);
    this.#each((attempt) => attempt.stop('draining'));
    await this.#ended(GRACE);
    this.#each((attempt) => attempt.handBack());
    await this.#ended(GRACE);
    this.#each((attempt) => attempt.stop('lost'));
    this.#heartbeat.close();
    if (this.#ownsLink) await this.#link.close();
  }

  #add(task: AnyTask): void {
    const other = this.#tasks.get(task.name);
    if (other && other !== task) {
      throw new MillraceError('invalid_request', {
        detail: `Two tasks are named "${task.name}". Give each its own name.`,
      });
    }
    this.#tasks.set(task.name, task);
  }

  #register(): Promise<{ leaseMs: number; renewMs: number }> {
    const tasks = [...this.#tasks.values()].map(({ name, options: { version } }) => ({
      name,
      ...(version === undefined ? {} : { version }),
    }));
    return this.#link.register({
      id: this.id,
      tasks,
      workflows: [...this.#workflows],
      concurrency: this.#concurrency,
      ...(this.#queues ? { queues: [...this.#queues] } : {}),
    });
  }

  async #take(): Promise<void> {
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; ) {
      const limit = this.#concurrency - this.#attempts.size;
      if (limit <= 0) {
        await new Promise<void>((resolve) => {
          this.#freed = resolve;
        });
        continue;
      }
      const asked = this.#clock.now();
      try {
        const claimed = await this.#link.claim({ worker: this.id, limit, wait: CLAIM_WAIT }, signal);
        for (const assignment of claimed) this.#begin(assignment);
        if (claimed.length > 0 || this.#clock.now() - asked >= CLAIM_WAIT / 2) failures = 0;
        // Who answers "nothing" without waiting is shutting down: asking again at once would keep it from that.
        else await pause(this.#clock, backoff(failures++, this.#random), signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#report(error, 'claiming work');
        await pause(this.#clock, backoff(failures++, this.#random), signal);
      }
    }
  }

  #begin(assignment: Assignment): void {
    const key = leaseKey(assignment);
    const attempt = new Attempt(assignment, this.#tasks.get(assignment.task), {
      link: this.#link,
      clock: this.#clock,
      random: this.#random,
      report: this.#report,
    });
    this.#heartbeat.hold(assignment);
    const done = attempt.run().finally(() => {
      this.#heartbeat.release(assignment);
      this.#attempts.delete(key);
      this.#freed();
    });
    this.#attempts.set(key, { attempt, done });
  }

  #told(state: LeaseState): void {
    this.#attempts.get(leaseKey(state))?.attempt.told(state);
  }

  #each(act: (attempt: Attempt) => void): void {
    for (const { attempt } of this.#attempts.values()) act(attempt);
  }

  /** Resolves when no attempt is left, but at the latest after `ms`. */
  async #ended(ms: number): Promise<void> {
    if (this.#attempts.size === 0 || ms === 0) return;
    const enough = new AbortController();
    const all = Promise.all([...this.#attempts.values()].map(({ done }) => done));
    await Promise.race([all, pause(this.#clock, ms, enough.signal)]);
    enough.abort();
  }

  async #watched<T>(during: string, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      this.#report(error, during);
      throw error;
    }
  }
}
