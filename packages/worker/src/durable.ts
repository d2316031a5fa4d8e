import { isDeepStrictEqual } from 'node:util';
import {
  type Assignment,
  type Clock,
  type Journal,
  type Json,
  MillraceError,
  type RetryPolicy,
  type WaitKind,
  type WaitView,
} from '@millrace/protocol';
import { type Blobs, seal, unseal } from './blob.ts';
import { pause } from './clock.ts';
import type { StepContext, StepOptions, StopSignal } from './context.ts';
import { isFinal, type StopKind, toRunError } from './errors.ts';
import { callId, findStep, findWait, waitIdFor } from './journal.ts';
import type { Parking } from './park.ts';
import type { Replay } from './replay.ts';
import type { Teller, Told } from './teller.ts';

export interface DurablePlace {
  assignment: Assignment;
  blobs: Blobs;
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
  /** saved in this attempt */
  #saved: Map<string, Journal['checkpoints'][string]> | undefined;

  constructor(place: DurablePlace) {
    this.#place = place;
  }

  async step<T>(name: string, fn: (step: StepContext) => Promise<T> | T, options: StepOptions = {}): Promise<T> {
    const { assignment, replay, blobs } = this.#place;
    const { id, found } = await this.#call(name, options.key, (id) =>
      findStep(assignment.journal, assignment.node, id),
    );
    return this.#run(() => {
      if (!found) return this.#execute(id, name, fn, options);
      const { seq, value } = found;
      return replay.answer(seq, value === undefined ? undefined : unseal(blobs, value)) as Promise<T>;
    });
  }

  /** Waits for the end of a wait, beginning it where the log does not hold it; `read` makes its answer of it. */
  async wait<T>(
    { kind, name, key }: { kind: WaitKind; name: string; key: string | undefined },
    request: (id: string) => Told | Promise<Told>,
    read: (ended: WaitView) => T | Promise<T>,
  ): Promise<T> {
    const { assignment, replay, parking, teller } = this.#place;
    if (teller.step !== undefined) {
      throw new MillraceError('invalid_request', {
        detail: `"${name}" waits inside the step "${teller.step}". Wait before or after it: a step finishes without waiting.`,
      });
    }
    const { id, found } = await this.#call(name, key, (id) => findWait(assignment.journal, kind, assignment.node, id));
    const give = (ended: WaitView): Promise<T> => replay.answer(ended.endedSeq ?? ended.seq, settle(ended, read));
    if (found && found.status !== 'open') return this.#run(() => give(found));
    const waitId = waitIdFor(assignment.node, id);
    await this.#run(async () => {
      if (!found) await teller.write(await request(waitId));
    });
    const ended = await parking.wait(waitId);
    return give(ended).finally(() => parking.leave());
  }

  /**
   * Saves a state. In a replay a save that the log holds, or that it holds a later one of, is not made again;
   * having made it, or having loaded it, the handler has come as far as that.
   */
  save(key: string, state: unknown): Promise<void> {
    const { replay, blobs, teller } = this.#place;
    return this.#run(async () => {
      const { stored, value } = await seal(blobs, state, `The checkpoint "${key}"`);
      const known = this.#checkpoint(key);
      const same = isDeepStrictEqual(known?.state, stored) || isDeepStrictEqual(known?.state, value);
      if (known && replay.awaits(known.seq)) return same ? replay.answer(known.seq, undefined) : undefined;
      if (same) return;
      this.#saved ??= new Map();
      this.#saved.set(key, { seq: 0, state: stored });
      const seq = await teller.write({ type: 'checkpoint.saved', data: { key, state: stored } });
      return replay.answer(seq, undefined);
    });
  }

  async load(key: string): Promise<Json | undefined> {
    const { replay, blobs } = this.#place;
    const known = this.#checkpoint(key);
    if (!known) return undefined;
    // A copy: what the handler does to it would otherwise be what it is compared with when it is saved.
    const state = async () => structuredClone(await unseal(blobs, known.state));
    return this.#run(() => (replay.awaits(known.seq) ? replay.answer(known.seq, state()) : state()));
  }

  /** The state as it was saved last, in this attempt or before. */
  #checkpoint(key: string): Journal['checkpoints'][string] | undefined {
    const { checkpoints } = this.#place.assignment.journal;
    return this.#saved?.get(key) ?? (Object.hasOwn(checkpoints, key) ? checkpoints[key] : undefined);
  }

  /** Finds a call in the log; one that contradicts the log ends the attempt. */
  async #call<F>(name: string, key: string | undefined, find: (id: string) => F): Promise<{ id: string; found: F }> {
    const { replay, fail } = this.#place;
    const id = callId(name, key);
    replay.call(id);
    try {
      return { id, found: find(id) };
    } catch (error) {
      return fail(error);
    }
  }

  /** Counts a call as running. Inside a step it is part of that step, which is counted already. */
  async #run<T>(body: () => Promise<T>): Promise<T> {
    const { fail, parking, teller, signal, stopped } = this.#place;
    if (teller.step !== undefined) return body();
    if (stopped() === 'cancel') throw signal.reason;
    await parking.enter();
    let result: T;
    try {
      result = await body();
    } catch (error) {
      if (error === abandoned) return parking.abandon();
      if (error instanceof MillraceError && error.code === 'journal_mismatch') return fail(error);
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
    const { assignment, blobs, clock, replay, signal, teller, stopped } = this.#place;
    const { run, node } = assignment;
    const nested = teller.step !== undefined;
    const which = { name, ...(options.key === undefined ? {} : { key: options.key }) };
    const policy = { ...DEFAULT_RETRY, ...options.retry };
    for (let attempt = 1; ; attempt += 1) {
      const began = clock.now();
      const started = teller.writeOf(id, { type: 'step.started', data: which });
      started.catch(() => {});
      let result: T;
      try {
        result = await teller.within(id, () => fn({ idempotencyKey: `${run}/${node}/${id}`, signal, attempt }));
      } catch (error) {
        if (!this.#fails(error, nested)) throw abandoned;
        const failed = { ...which, error: toRunError(error, 'step_failed'), duration: clock.now() - began };
        const at = await this.#ended(id, started, { type: 'step.failed', data: failed });
        if (attempt >= policy.attempts || isFinal(error)) return replay.answer(at, Promise.reject(error));
        await pause(clock, Math.min(policy.delay * policy.factor ** (attempt - 1), policy.maxDelay), signal);
        if (stopped() !== undefined && !this.#fails(error, nested)) throw abandoned;
        continue;
      }
      const sealed = result === undefined ? undefined : await seal(blobs, result, `The result of the step "${id}"`);
      const completed = { ...which, ...(sealed ? { output: sealed.stored } : {}), duration: clock.now() - began };
      const at = await this.#ended(id, started, { type: 'step.completed', data: completed });
      return replay.answer(at, sealed?.value as T);
    }
  }

  async #ended(id: string, started: Promise<number>, told: Told): Promise<number> {
    const { teller } = this.#place;
    const ended = teller.writeOf(id, told);
    ended.catch(() => {});
    await started;
    return ended;
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

/** What `read` makes of a wait, as a promise also where it throws at once. */
async function settle<T>(ended: WaitView, read: (ended: WaitView) => T | Promise<T>): Promise<T> {
  return read(ended);
}
