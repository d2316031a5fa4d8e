import { isDeepStrictEqual } from 'node:util';
import {
  type Assignment,
  type BlobRef,
  type Clock,
  type Json,
  MillraceError,
  type RetryPolicy,
  type WaitView,
  type WorkerLink,
} from '@millrace/protocol';
import { seal, unseal } from './blob.ts';
import { pause } from './clock.ts';
import type { StepContext, StepOptions, StopSignal } from './context.ts';
import { isFinal, type StopKind, toRunError } from './errors.ts';
import { callId, findStep, findWait, waitIdFor } from './journal.ts';
import type { Parking } from './park.ts';
import type { Replay } from './replay.ts';
import type { Teller, Told } from './teller.ts';

export interface DurablePlace {
  assignment: Assignment;
  blobs: Pick<WorkerLink, 'putBlob' | 'getBlob'>;
  clock: Clock;
  replay: Replay;
  parking: Parking;
  teller: Teller;
  signal: StopSignal;
  /** what the attempt was last told */
  stopped(): StopKind | undefined;
  /** ends the attempt with this error, whatever the handler makes of it */
  fail(error: unknown): Promise<never>;
}

const DEFAULT_RETRY = { attempts: 1, delay: 1_000, factor: 2, maxDelay: 60_000 } satisfies RetryPolicy;

/** What a body throws to say that its caller is never to be answered. */
const abandoned = Symbol('abandoned');

/** An attempt's durable calls: answered from the journal where it holds them, else done and written to the log. */
export class DurableCalls {
  readonly #place: DurablePlace;
  readonly #checkpoints: Map<string, Json | BlobRef>;

  constructor(place: DurablePlace) {
    this.#place = place;
    this.#checkpoints = new Map(Object.entries(place.assignment.journal.checkpoints));
  }

  async step<T>(name: string, fn: (step: StepContext) => Promise<T> | T, options: StepOptions = {}): Promise<T> {
    const { assignment, replay, blobs } = this.#place;
    const { id, found } = await this.#call(name, options.key, (id) =>
      findStep(assignment.journal, assignment.node, id),
    );
    if (!found) replay.leave();
    return this.#run(async () => {
      if (!found) return this.#execute(id, name, fn, options);
      const stored = await replay.answer(found.seq, found.value);
      return (stored === undefined ? undefined : await unseal(blobs, stored)) as T;
    });
  }

  /** Waits for the end of an approval, requesting it where the log does not hold it. */
  async approval(name: string, key: string | undefined, request: (approvalId: string) => Told): Promise<WaitView> {
    const { assignment, replay, parking, teller } = this.#place;
    if (teller.step !== undefined) {
      throw new MillraceError('invalid_request', {
        detail: `The approval "${name}" stands inside the step "${teller.step}". Ask before or after it: a step finishes without waiting.`,
      });
    }
    const { id, found } = await this.#call(name, key, (id) =>
      findWait(assignment.journal, 'approval', assignment.node, id),
    );
    if (found && found.status !== 'open') return this.#run(() => replay.answer(found.endedSeq ?? found.seq, found));
    const waitId = waitIdFor(assignment.node, id);
    await this.#run(async () => {
      if (!found) await teller.write(request(waitId));
    });
    return parking.wait(waitId);
  }

  async save(key: string, state: unknown): Promise<void> {
    const { replay, blobs, teller } = this.#place;
    const known = this.#checkpoints.get(key);
    if (known !== undefined && teller.silent) return;
    replay.leave();
    await this.#run(async () => {
      const { stored, value } = await seal(blobs, state, `The checkpoint "${key}"`);
      if (isDeepStrictEqual(known, stored) || isDeepStrictEqual(known, value)) return;
      this.#checkpoints.set(key, stored);
      await teller.write({ type: 'checkpoint.saved', data: { key, state: stored } });
    });
  }

  async load(key: string): Promise<Json | undefined> {
    const stored = this.#checkpoints.get(key);
    return stored === undefined ? undefined : this.#run(() => unseal(this.#place.blobs, stored));
  }

  /** Finds a call in the log; one that contradicts the log ends the attempt. */
  async #call<F>(name: string, key: string | undefined, find: (id: string) => F): Promise<{ id: string; found: F }> {
    const { replay, fail } = this.#place;
    const id = callId(name, key);
    replay.call(id);
    try {
      const found = find(id);
      if (found === undefined) replay.leave();
      return { id, found };
    } catch (error) {
      return fail(error);
    }
  }

  /** Counts a call as running. Inside a step it is part of that step, which is counted already. */
  async #run<T>(body: () => Promise<T>): Promise<T> {
    const { parking, teller, signal, stopped } = this.#place;
    if (teller.step !== undefined) return body();
    if (stopped() === 'cancel') throw signal.reason;
    await parking.enter();
    let result: T;
    try {
      result = await body();
    } catch (error) {
      if (error === abandoned) return parking.abandon();
      parking.leave();
      throw error;
    }
    parking.leave();
    return result;
  }

  async #execute<T>(
    id: string,
    name: string,
    fn: (step: StepContext) => Promise<T> | T,
    options: StepOptions,
  ): Promise<T> {
    const { assignment, blobs, clock, signal, teller, stopped } = this.#place;
    const { run, node } = assignment;
    const nested = teller.step !== undefined;
    const which = { name, ...(options.key === undefined ? {} : { key: options.key }) };
    const policy = { ...DEFAULT_RETRY, ...options.retry };
    for (let attempt = 1; ; attempt += 1) {
      const began = clock.now();
      const started = teller.within(id, () => teller.write({ type: 'step.started', data: which }));
      started.catch(() => {});
      let result: T;
      try {
        result = await teller.within(id, () => fn({ idempotencyKey: `${run}/${node}/${id}`, signal, attempt }));
      } catch (error) {
        if (!this.#fails(error, nested)) throw abandoned;
        const failed = { ...which, error: toRunError(error, 'step_failed'), duration: clock.now() - began };
        await Promise.all([started, teller.within(id, () => teller.write({ type: 'step.failed', data: failed }))]);
        if (attempt >= policy.attempts || isFinal(error)) throw error;
        await pause(clock, Math.min(policy.delay * policy.factor ** (attempt - 1), policy.maxDelay), signal);
        if (stopped() !== undefined && !this.#fails(error, nested)) throw abandoned;
        continue;
      }
      const sealed = result === undefined ? undefined : await seal(blobs, result, `The result of the step "${id}"`);
      const completed = { ...which, ...(sealed ? { output: sealed.stored } : {}), duration: clock.now() - began };
      await Promise.all([started, teller.within(id, () => teller.write({ type: 'step.completed', data: completed }))]);
      return sealed?.value as T;
    }
  }

  /**
   * Whether a failure is the step's own. One of a stopped attempt is not: a cancelled handler gets it, to clean up,
   * and one that is to hand back never hears of it. A step within a step leaves that to the outer one.
   */
  #fails(error: unknown, nested: boolean): boolean {
    const kind = this.#place.stopped();
    if (kind === undefined) return true;
    if (kind === 'cancel' || nested) throw error;
    return false;
  }
}
