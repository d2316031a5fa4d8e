import { MillraceError, type RunCommand, toProblem } from '@millrace/protocol';
import type { Principal } from '../auth/auth.ts';
import { type Given, giveCommand } from './command.ts';
import type { Expiring } from './expiry.ts';
import {
  type Attach,
  type Attached,
  type AttachedRoom,
  type AttachedRun,
  type Encoding,
  SUBSCRIPTION_LIMIT,
} from './face.ts';
import { Outbox } from './outbox.ts';
import type { HubParts } from './parts.ts';
import { Room } from './room.ts';
import { RunSubscription } from './run-subscription.ts';

/** A connection of a dialect, which opens what it follows one by one: runs, and rooms of runs that come and go. */
export class Attachment implements Attached, Expiring {
  readonly #parts: HubParts;
  readonly #principal: Principal;
  readonly #encoding: Encoding;
  readonly #left: (attachment: Attachment) => void;
  readonly #forgetGrant: () => void;
  readonly #outbox: Outbox;
  #runs = new Map<string, RunSubscription>();
  #rooms: Map<string, Room> | undefined;
  #over = false;

  constructor(parts: HubParts, { principal, connection, encoding }: Attach, left: (attachment: Attachment) => void) {
    this.#parts = parts;
    this.#principal = principal;
    this.#encoding = encoding;
    this.#left = left;
    this.#outbox = new Outbox(connection, encoding);
    const { tenant, grant } = principal;
    this.#forgetGrant =
      grant === undefined ? () => {} : parts.grants.watch(tenant, grant, () => this.#refuse('unauthorized'));
    parts.expiries.add(this);
  }

  get expires(): number {
    return this.#principal.expires;
  }

  expire(): void {
    this.#refuse('token_expired');
  }

  now(): number {
    return this.#parts.clock.now();
  }

  async follow({
    key,
    run,
    encoding,
    after,
    filter,
    snapshot,
    anew,
  }: AttachedRun): Promise<{ head: number; begin(): void }> {
    if (this.#over) throw new MillraceError('shutting_down');
    this.#makeRoom();
    const subscription = new RunSubscription(this.#parts, this.#principal, run, filter, key);
    this.#runs.set(key, subscription);
    try {
      const { head } = await subscription.open(after ?? (snapshot ? undefined : '0'), anew);
      const failed = () => this.#forget(subscription);
      const begin = () => subscription.begin({ outbox: this.#outbox, encoding, failed });
      return { head, begin };
    } catch (error) {
      this.#forget(subscription);
      throw error;
    }
  }

  room(request: AttachedRoom): void {
    if (this.#over) throw new MillraceError('shutting_down');
    this.#makeRoom();
    const room = new Room(this.#parts, this.#principal, request, {
      outbox: this.#outbox,
      makeRoom: () => this.#makeRoom(),
      failed: () => {
        if (this.#rooms?.get(request.key) === room) this.#rooms.delete(request.key);
      },
    });
    this.#rooms ??= new Map();
    this.#rooms.set(request.key, room);
    room.begin();
  }

  async view(key: string): Promise<{ seq: number; text: string }> {
    const followed = this.#runs.get(key);
    if (!followed) throw new MillraceError('run_not_found');
    return followed.view();
  }

  follows(key: string): boolean {
    return this.#runs.has(key) || this.#rooms?.has(key) === true;
  }

  unfollow(key: string): void {
    const followed = this.#runs.get(key);
    if (followed) this.#forget(followed);
    this.#rooms?.get(key)?.close();
    this.#rooms?.delete(key);
  }

  get settled(): boolean {
    for (const { begun } of this.#rooms?.values() ?? []) if (!begun) return false;
    return true;
  }

  places(): { key: string; run?: string; seq: number }[] {
    const places: ReturnType<Attached['places']> = [];
    for (const [key, { cursor }] of this.#runs) places.push({ key, seq: cursor });
    for (const [key, room] of this.#rooms ?? []) {
      for (const [run, cursor] of room.cursors()) places.push({ key, run, seq: cursor });
    }
    return places;
  }

  command(run: string, command: RunCommand, about: { key?: string; ctl?: number } = {}): Promise<Given> {
    return giveCommand(this.#parts, this.#principal, run, command, about);
  }

  send(message: Buffer): void {
    this.#outbox.send(message);
  }

  mark(): void {
    this.#outbox.mark();
  }

  end(code: number, reason: string): void {
    this.#outbox.end(code, reason);
    this.closed();
  }

  closed(): void {
    if (this.#over) return;
    this.#over = true;
    this.#parts.expiries.delete(this);
    this.#forgetGrant();
    for (const run of this.#runs.values()) run.close();
    for (const room of this.#rooms?.values() ?? []) room.close();
    this.#runs.clear();
    this.#rooms?.clear();
    this.#outbox.close();
    this.#left(this);
  }

  stop(reason: string, retryAfter: number): void {
    this.#outbox.send(this.#encoding.bye(reason, toProblem({ code: 'shutting_down', facts: { retryAfter } })));
    this.end(1012, 'shutting_down');
  }

  #refuse(code: 'token_expired' | 'unauthorized'): void {
    this.#outbox.send(this.#encoding.problem(toProblem({ code }), ''));
    this.end(4401, code);
  }

  #forget(subscription: RunSubscription): void {
    subscription.close();
    if (this.#runs.get(subscription.key) === subscription) this.#runs.delete(subscription.key);
  }

  #makeRoom(): void {
    let held = this.#runs.size;
    for (const room of this.#rooms?.values() ?? []) held += 1 + room.size;
    if (held < SUBSCRIPTION_LIMIT) return;
    throw new MillraceError('subscription_limit', {
      detail: `One connection may hold ${SUBSCRIPTION_LIMIT} subscriptions.`,
    });
  }
}
