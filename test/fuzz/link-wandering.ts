import {
  type LeaseRef,
  type LeaseState,
  MillraceError,
  type NewEvent,
  type WorkerLink,
  type WorkerRegistration,
} from '@millrace/protocol';
import type { Dice } from '../chaos/dice.ts';
import type { Mill } from './mill.ts';
import { TENANT } from './tokens.ts';

const caller = { tenant: TENANT, by: 'worker:wanda' };

/**
 * A worker's link to whichever server is up, as the link over HTTP is: a request goes unanswered when its server dies
 * or the answer is lost, and a server that does not know the worker gets it registered again.
 */
export class WanderingLink implements WorkerLink {
  /** chance that an answer is lost on its way back */
  losing = 0;
  readonly #mills: () => readonly Mill[];
  readonly #dice: Dice;
  #registration: WorkerRegistration | undefined;
  #listener: (state: LeaseState) => void = () => {};
  #heard = new WeakSet<Mill>();

  constructor(mills: () => readonly Mill[], dice: Dice) {
    this.#mills = mills;
    this.#dice = dice;
  }

  async register(registration: WorkerRegistration): Promise<{ leaseMs: number; renewMs: number }> {
    this.#registration = registration;
    return this.#ask((mill) => this.#register(mill, registration));
  }

  claim(request: { worker: string; limit: number; wait: number }, signal?: AbortSignal) {
    return this.#ask((mill) => mill.engine.claim(caller, request, signal));
  }

  append(lease: LeaseRef, sequence: number, events: NewEvent[]) {
    return this.#ask((mill) => mill.engine.appendAttempt(caller, lease, sequence, events));
  }

  renew(worker: string, leases: LeaseRef[]) {
    return this.#ask((mill) => mill.engine.renew(caller, worker, leases));
  }

  onSignal(listener: (signal: LeaseState) => void): () => void {
    this.#listener = listener;
    return () => {};
  }

  putBlob(bytes: Uint8Array, type: string) {
    return this.#ask((mill) => mill.files.put(TENANT, bytes, type));
  }

  getBlob(sha256: string) {
    return this.#ask(async (mill) => (await mill.files.get(TENANT, sha256)).bytes);
  }

  async close(): Promise<void> {}

  async #ask<T>(question: (mill: Mill) => Promise<T>): Promise<T> {
    const mills = this.#mills();
    if (mills.length === 0) throw new MillraceError('unreachable');
    const mill = this.#dice.pick(mills);
    const answer = await Promise.race([this.#askOnce(mill, question), mill.gone]);
    if (this.#dice.chance(this.losing)) throw new MillraceError('unreachable');
    return answer;
  }

  async #askOnce<T>(mill: Mill, question: (mill: Mill) => Promise<T>): Promise<T> {
    try {
      return await question(mill);
    } catch (error) {
      if (!this.#registration || !(error instanceof MillraceError && error.code === 'not_found')) throw error;
      await this.#register(mill, this.#registration);
      return question(mill);
    }
  }

  #register(mill: Mill, registration: WorkerRegistration): Promise<{ leaseMs: number; renewMs: number }> {
    if (!this.#heard.has(mill)) mill.engine.onSignal(caller, registration.id, (signal) => this.#listener(signal));
    this.#heard.add(mill);
    return mill.engine.register(caller, registration, { boot: '' });
  }
}
