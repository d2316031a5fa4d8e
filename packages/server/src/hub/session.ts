import {
  type ClientFrame,
  filterKey,
  HEARTBEAT_MS,
  type Json,
  MillraceError,
  type Problem,
  type ServerFrame,
  toProblem,
  WIRE,
} from '@millrace/protocol';
import type { Principal } from '../auth/auth.ts';
import type { Connection } from '../transport/transport.ts';
import { readClientFrame } from './client-frame.ts';
import { giveCommand } from './command.ts';
import type { Expiring } from './expiry.ts';
import { MESSAGE_LIMIT, type Session, SUBSCRIPTION_LIMIT } from './face.ts';
import { ListMembers } from './list-members.ts';
import { ListSubscription } from './list-subscription.ts';
import { frameBytes, nativeEncoding } from './native-encoding.ts';
import { Outbox } from './outbox.ts';
import type { HubParts } from './parts.ts';
import { type Destination, RunSubscription } from './run-subscription.ts';

/** frames in one message of a client */
const FRAMES_LIMIT = 2 * SUBSCRIPTION_LIMIT;
/** bytes of answers that may wait in a full connection */
const UNREAD_LIMIT = 1024 * 1024;

type Ending = 'token_expired' | 'unauthorized' | 'payload_too_large';
type Answer = { key?: string; head?: number; result?: Json };
type Asked = Exclude<ClientFrame, { type: 'hello' | 'ping' }>;

/** One native connection: answers the client's frames and holds its subscriptions. */
export class NativeSession implements Session, Expiring, Destination {
  readonly #options: HubParts;
  readonly #left: (session: NativeSession) => void;
  readonly outbox: Outbox;
  readonly encoding = nativeEncoding;
  #forgetGrant: (() => void) | undefined;
  #principal: Principal;
  #runs = new Map<string, RunSubscription>();
  #lists: Map<number, ListSubscription> | undefined;
  /** bytes of answers since the connection was last not full */
  #unread = 0;
  #over = false;

  /** `left` is called once, when the session has ended. */
  constructor(options: HubParts, principal: Principal, connection: Connection, left: (session: NativeSession) => void) {
    this.#options = options;
    this.#principal = principal;
    this.#left = left;
    this.outbox = new Outbox(connection, nativeEncoding);
    options.expiries.add(this);
    if (principal.grant !== undefined) {
      this.#forgetGrant = options.grants.watch(principal.tenant, principal.grant, () => this.#end('unauthorized'));
    }
    this.#tell({
      type: 'hello',
      wire: WIRE,
      epoch: options.store.epoch,
      server: options.server,
      heartbeat: HEARTBEAT_MS,
      user: principal.id,
    });
  }

  receive(text: string): void {
    if (this.#over) return;
    if (text.length > MESSAGE_LIMIT) return this.#end('payload_too_large');
    let frames: unknown;
    try {
      frames = JSON.parse(text);
    } catch {
      return this.#refuse(new MillraceError('invalid_message', { detail: 'The message is not JSON.' }));
    }
    if (!Array.isArray(frames)) return this.#take(frames);
    if (frames.length > FRAMES_LIMIT) {
      return this.#refuse(new MillraceError('invalid_message', { detail: `More than ${FRAMES_LIMIT} frames.` }));
    }
    for (const frame of frames) this.#take(frame);
  }

  get expires(): number {
    return this.#principal.expires;
  }

  expire(): void {
    this.#end('token_expired');
  }

  closed(): void {
    this.#over = true;
    this.#options.expiries.delete(this);
    this.#forgetGrant?.();
    for (const run of this.#runs.values()) run.close();
    for (const list of this.#lists?.values() ?? []) list.close();
    this.#runs.clear();
    this.#lists?.clear();
    this.outbox.close();
    this.#left(this);
  }

  stop(reason: string, retryAfter: number): void {
    this.#tell({ type: 'bye', reason, problem: toProblem({ code: 'shutting_down', facts: { retryAfter } }) });
    this.#close('shutting_down');
  }

  #take(value: unknown): void {
    let frame: ClientFrame;
    try {
      frame = readClientFrame(value);
    } catch (error) {
      return this.#refuse(error, idOf(value));
    }
    if (frame.type === 'ping') return this.#tell({ type: 'pong', at: frame.at, now: this.#options.clock.now() });
    if (frame.type === 'hello') {
      if (frame.token !== undefined) this.#renew(frame.token).catch((error: unknown) => this.#refuse(error));
      return;
    }
    const { id } = frame;
    this.#do(frame).catch((error: unknown) => this.#refuse(error, id));
  }

  /** Answers `ok` itself, because what a subscription sends comes after it. */
  async #do(frame: Asked): Promise<void> {
    switch (frame.type) {
      case 'subscribe':
        return this.#subscribe(frame);
      case 'list':
        return this.#list(frame);
      case 'unsubscribe': {
        const key = filterKey(frame.run, frame.filter);
        this.#runs.get(key)?.close();
        this.#runs.delete(key);
        return this.#ok(frame.id, { key });
      }
      case 'unlist':
        this.#lists?.get(frame.list)?.close();
        this.#lists?.delete(frame.list);
        return this.#ok(frame.id, {});
      case 'token':
        await this.#renew(frame.token);
        return this.#ok(frame.id, {});
      case 'command':
        return this.#command(frame);
    }
  }

  async #subscribe({ id, run, filter, after }: Extract<Asked, { type: 'subscribe' }>): Promise<void> {
    const key = filterKey(run, filter);
    this.#makeRoom(this.#runs.has(key));
    this.#runs.get(key)?.close();
    const subscription = new RunSubscription(this.#options, this.#principal, run, filter);
    this.#runs.set(key, subscription);
    try {
      const { head } = await subscription.open(after);
      // The token may have been renewed meanwhile.
      const refusal = subscription.judge(this.#principal);
      if (refusal) throw refusal;
      this.#ok(id, { key, head });
    } catch (error) {
      this.failed(subscription);
      throw error;
    }
    subscription.begin(this);
  }

  failed(subscription: RunSubscription): void {
    subscription.close();
    if (this.#runs.get(subscription.key) === subscription) this.#runs.delete(subscription.key);
  }

  #list({ id, query, events, after = {} }: Extract<Asked, { type: 'list' }>): void {
    this.#lists ??= new Map();
    this.#makeRoom(this.#lists.has(id));
    this.#lists.get(id)?.close();
    const parts = this.#options;
    const outbox = this.outbox;
    const makeRoom = () => this.#makeRoom(false);
    const members = events ? new ListMembers(parts, this.#principal, id, { outbox, after, makeRoom }) : undefined;
    const { store, clock, feeds, metrics } = parts;
    const options = { store, clock, feeds, metrics, outbox, ...(members ? { members } : {}) };
    const list = new ListSubscription(options, this.#principal, id, query);
    this.#lists.set(id, list);
    this.#ok(id, {});
    list.begin();
  }

  async #command({ id, run, command, key, ctl }: Extract<Asked, { type: 'command' }>): Promise<void> {
    const { seq, result } = await giveCommand(this.#options, this.#principal, run, command, { key, ctl });
    this.#ok(id, { head: seq, result });
  }

  /** The same bearer with a newer token: what is held is judged again, and what it does not show any more is ended. */
  async #renew(token: string): Promise<void> {
    const renewed = await this.#options.auth.verify(token);
    const { tenant, id, hide } = this.#principal;
    if (renewed.tenant !== tenant || renewed.id !== id || String(renewed.hide ?? '') !== String(hide ?? '')) {
      throw new MillraceError('forbidden', { detail: 'The new token is of another bearer. Connect again with it.' });
    }
    this.#principal = renewed;
    this.#options.expiries.add(this);
    for (const [key, subscription] of this.#runs) {
      const refusal = subscription.judge(renewed);
      if (!refusal) continue;
      subscription.close();
      this.#runs.delete(key);
      this.#tell({ type: 'error', key, problem: toProblem(refusal) });
    }
    for (const [id, list] of this.#lists ?? []) {
      const refusal = list.judge(renewed);
      if (!refusal) continue;
      list.close();
      this.#lists?.delete(id);
      this.#refuse(refusal, id);
    }
  }

  #makeRoom(replaces: boolean): void {
    let held = this.#runs.size;
    for (const list of this.#lists?.values() ?? []) held += 1 + list.followed;
    if (replaces || held < SUBSCRIPTION_LIMIT) return;
    throw new MillraceError('subscription_limit', {
      detail: `One connection may hold ${SUBSCRIPTION_LIMIT} subscriptions.`,
    });
  }

  #ok(id: number, answer: Answer): void {
    this.#tell({ type: 'ok', id, ...answer });
  }

  /** Subscriptions wait for a full connection; answers cannot, so who asks on without reading is let go. */
  #tell(frame: ServerFrame): void {
    const bytes = frameBytes(frame);
    this.#unread = this.outbox.full ? this.#unread + bytes.length : 0;
    if (this.#unread > UNREAD_LIMIT) this.#close('slow_consumer');
    else this.outbox.send(bytes);
  }

  #refuse(error: unknown, id?: number): void {
    const problem = this.#problem(error);
    this.#tell({ type: 'error', id, problem });
  }

  #problem(error: unknown): Problem {
    const refusal = error instanceof MillraceError ? error : new MillraceError('internal');
    this.#options.metrics.count('hub_errors_total', 1, { code: refusal.code });
    return toProblem(refusal);
  }

  #end(code: Ending): void {
    this.#refuse(new MillraceError(code));
    this.#close(code);
  }

  #close(code: Ending | 'shutting_down' | 'slow_consumer'): void {
    this.outbox.end(new MillraceError(code).row.close as number, code);
    this.closed();
  }
}

function idOf(value: unknown): number | undefined {
  const id = typeof value === 'object' && value !== null ? (value as { id?: unknown }).id : undefined;
  return typeof id === 'number' ? id : undefined;
}
