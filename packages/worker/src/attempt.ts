import {
  type Assignment,
  type Clock,
  type LeaseRef,
  type LeaseState,
  MillraceError,
  type WaitView,
  type WorkerLink,
} from '@millrace/protocol';
import { Appender } from './appender.ts';
import { attemptContext } from './attempt-context.ts';
import { persist, type Random } from './backoff.ts';
import { type Blobs, seal, unseal } from './blob.ts';
import type { TaskContext } from './context.ts';
import { Ending } from './ending.ts';
import { NonRetryable, type StopKind, Stopped, toRunError } from './errors.ts';
import { Parking } from './park.ts';
import { Replay } from './replay.ts';
import { parse } from './schema.ts';
import type { AnyTask, Task } from './task.ts';
import { Teller, type Told } from './teller.ts';

/** What a worker lends its attempts. */
export interface AttemptPlace {
  link: WorkerLink;
  clock: Clock;
  random: Random;
  /** for whoever watches the worker */
  report(error: unknown, during: string): void;
}

/** How an attempt comes to its end. */
type Outcome =
  | { as: 'completed'; output: unknown }
  | { as: 'failed'; error: unknown }
  | { as: 'handed back' }
  /** nothing is left to say: it parked, or the lease is gone */
  | { as: 'over' };

const never = new Promise<never>(() => {});

/** Runs one assignment: the handler, raced against everything that may end the attempt before the handler does. */
export class Attempt {
  readonly lease: LeaseRef;
  readonly #assignment: Assignment;
  readonly #task: AnyTask | undefined;
  readonly #place: AttemptPlace;
  readonly #abort = new AbortController();
  readonly #over = new Ending();
  readonly #ended = Promise.withResolvers<Outcome>();
  readonly #appender: Appender;
  readonly #parking: Parking;
  readonly #blobs: Blobs;
  readonly #teller: Teller;
  readonly #context: TaskContext;
  #stopped: StopKind | undefined;

  constructor(assignment: Assignment, task: AnyTask | undefined, place: AttemptPlace) {
    const { run, node, attempt } = assignment;
    const { link, clock } = place;
    this.lease = { run, node, attempt };
    this.#assignment = assignment;
    this.#task = task;
    this.#place = place;
    const replay = new Replay(assignment.journal);
    this.#appender = new Appender(link, this.lease, place, {
      lost: (error) => {
        place.report(error, `the attempt ${attempt} of ${node} in ${run}`);
        this.stop('lost');
      },
      ended: (wait) => this.#parking.answer(wait),
    });
    this.#parking = new Parking({
      park: (waits) => this.#park(waits),
      handBack: () => this.handBack(),
    });
    this.#blobs = {
      putBlob: (bytes, type) => this.#lasting(() => link.putBlob(bytes, type)),
      getBlob: (sha256) => this.#lasting(() => link.getBlob(sha256)),
    };
    this.#teller = new Teller(this.lease, this.#appender, replay);
    this.#context = attemptContext({
      assignment,
      clock,
      replay,
      blobs: this.#blobs,
      parking: this.#parking,
      teller: this.#teller,
      signal: this.#abort.signal,
      stopped: () => this.#stopped,
      fail: (error) => {
        this.#ended.resolve({ as: 'failed', error });
        return never;
      },
    });
  }

  /** Resolves when the attempt is over: what it had to say is in the log, or nobody listens any more. */
  async run(): Promise<void> {
    const { clock } = this.#place;
    const began = clock.now();
    const { timeoutMs } = this.#assignment;
    const forget = timeoutMs === undefined ? () => {} : clock.after(timeoutMs, () => this.stop('timeout'));
    this.#handle().then(
      (output) => this.#ended.resolve({ as: 'completed', output }),
      (error: unknown) => this.#ended.resolve(this.#failure(error)),
    );
    const outcome = await this.#ended.promise;
    forget();
    await Promise.race([this.#end(outcome, began), this.#lost()]);
    this.#over.end();
    this.#appender.close();
  }

  /** What a renewal or a signal says of the lease. */
  told(state: LeaseState): void {
    if (state.ended) this.#appender.hear(state.ended);
    if (state.state !== 'held') this.stop(state.state, state.reason);
  }

  stop(kind: StopKind, reason?: string): void {
    if (this.#over.ended || this.#stopped === kind) return;
    this.#stopped = kind;
    this.#abort.abort(new Stopped(kind, reason));
    if (kind === 'pause' || kind === 'draining') this.#parking.hold();
    if (kind === 'timeout') this.#ended.resolve({ as: 'failed', error: this.#abort.signal.reason });
    if (kind !== 'lost') return;
    this.#ended.resolve({ as: 'over' });
    this.#over.end();
    this.#appender.close();
  }

  /** Gives the node back to the queue now, whatever the handler does. */
  handBack(): void {
    this.#ended.resolve({ as: 'handed back' });
  }

  async #handle(): Promise<unknown> {
    const task = this.#task as Task | undefined;
    if (!task) throw new NonRetryable(`This worker has no task "${this.#assignment.task}".`);
    const stored = await unseal(this.#blobs, this.#assignment.input);
    const schema = task.options.input;
    const input = schema ? await parse(schema, stored, `The input of ${task.name}`) : stored;
    return task.handler(this.#context, input);
  }

  /** A failure of an attempt that was told to stop comes from the stopping. */
  #failure(error: unknown): Outcome {
    const kind = this.#stopped;
    return kind === 'pause' || kind === 'cancel' || kind === 'draining'
      ? { as: 'handed back' }
      : { as: 'failed', error };
  }

  async #end(outcome: Outcome, began: number): Promise<void> {
    const duration = this.#place.clock.now() - began;
    try {
      if (outcome.as === 'completed') await this.#last(await this.#completed(outcome.output, duration));
      if (outcome.as === 'failed') await this.#last(this.#failed(outcome.error, duration));
      if (outcome.as === 'handed back') {
        const reason = this.#stopped === 'draining' ? 'draining' : 'paused';
        await this.#last({ type: 'node.parked', data: { reason } });
      }
    } catch (refused) {
      await this.#last(this.#failed(refused, duration)).catch((error: unknown) => {
        this.#place.report(error, 'the end of an attempt');
      });
    }
  }

  async #last(told: Told): Promise<void> {
    await this.#teller.write(told, { ends: true });
  }

  async #completed(output: unknown, duration: number): Promise<Told> {
    if (output === undefined) return { type: 'node.completed', data: { duration } };
    const { stored } = await seal(this.#blobs, output, 'The output');
    return { type: 'node.completed', data: { output: stored, duration } };
  }

  #failed(error: unknown, duration: number): Told {
    const failure =
      error instanceof Stopped
        ? { code: error.kind, message: 'The attempt took longer than its time limit.' }
        : toRunError(error);
    return { type: 'node.failed', data: { error: failure, duration } };
  }

  async #park(waits: string[]): Promise<WaitView[]> {
    if (this.#stopped === 'cancel') {
      this.handBack();
      return never;
    }
    try {
      await this.#teller.write({ type: 'node.waiting', data: { waits } }, { ends: true });
    } catch (error) {
      const answers = answersIn(error).filter((wait) => waits.includes(wait.id));
      if (answers.length > 0) return answers;
      this.#ended.resolve(this.#failure(error));
      return never;
    }
    this.#ended.resolve({ as: 'over' });
    this.#stopped = 'parked';
    this.#over.end();
    this.#abort.abort(new Stopped('parked'));
    return never;
  }

  /** Tries for as long as the attempt lasts. */
  #lasting<T>(request: () => Promise<T>): Promise<T> {
    const { clock, random } = this.#place;
    return persist(request, { clock, random, over: this.#over });
  }

  #lost(): Promise<void> {
    return new Promise((resolve) => this.#over.onEnd(resolve));
  }
}

function answersIn(error: unknown): WaitView[] {
  if (!(error instanceof MillraceError) || error.code !== 'wait_ended') return [];
  const answers = error.facts?.answers;
  return Array.isArray(answers) ? (answers as WaitView[]) : [];
}
