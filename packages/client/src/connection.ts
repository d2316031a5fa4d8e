import { MillraceError } from '@millrace/protocol/error-code';
import {
  type ConnectionAction,
  type ConnectionEvent,
  type ConnectionState,
  isAttached,
  transition,
} from './connection-state.ts';
import { Exchange } from './exchange.ts';
import { Ladder } from './ladder.ts';
import { backoff, type Policy } from './policy.ts';
import { unreachable } from './problem.ts';
import { type Hello, Session } from './session.ts';
import { Listeners, type Store } from './store.ts';
import { type TokenSource, tokenExpiry } from './token.ts';
import type { Closed, Opener, Platform, TransportKind } from './transport.ts';

/** The connection as people are shown it. */
export interface ConnectionSnapshot {
  readonly state: ConnectionState;
  /** what carries it while it is up */
  readonly transport: TransportKind | undefined;
  /** failed attempts since it was last up for a while; 0 while it is up */
  readonly attempt: number;
  /** when the next attempt begins, ms since the epoch */
  readonly retryAt: number | undefined;
  /** the token's user, as the server knows them */
  readonly user: string | undefined;
  /** why it is not up */
  readonly error: MillraceError | undefined;
}

export interface ConnectionStore extends Store<ConnectionSnapshot> {
  /** what goes over it, for whoever measures it */
  readonly exchange: Pick<Exchange, 'observe' | 'ping'>;
}

export interface ConnectionOptions {
  url: string;
  tokens: TokenSource;
  platform: Platform;
  policy: Policy;
  /** best first */
  transports: readonly TransportKind[];
  opener: Opener;
}

/** a new token that is refused as well is not worth a third */
const REFUSAL_LIMIT = 2;

/** The one connection of a client: carries out what the table in connection-state says. */
export class Connection implements ConnectionStore {
  readonly exchange: Exchange;
  readonly #options: ConnectionOptions;
  readonly #listeners = new Listeners();
  #state: ConnectionState = 'idle';
  #session: Session | undefined;
  #better: Session | undefined;
  #hello: Hello | undefined;
  /** counts openings, closings and refreshes: an answer to an older one is no news any more */
  #generation = 0;
  #attempt = 0;
  #retryAfter = 0;
  #refusals = 0;
  /** the token that the latest attempt was made with */
  #token = '';
  readonly #ladder: Ladder;
  #greetedAt = 0;
  #retryAt: number | undefined;
  #error: MillraceError | undefined;
  #cancelRetry = () => {};
  #cancelClimb = () => {};
  #cancelRefresh = () => {};
  #unwatch: (() => void) | undefined;
  #snapshot: ConnectionSnapshot;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#ladder = new Ladder(options.transports, options.policy);
    this.exchange = new Exchange((fn) => this.#clock.after(backoff(options.policy, 2, options.platform.random()), fn));
    this.#snapshot = this.#describe();
  }

  getSnapshot(): ConnectionSnapshot {
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  connect(): void {
    this.#dispatch('connect');
  }

  disconnect(): void {
    this.#dispatch('disconnect');
  }

  /** Drops what is there and tries at once, beginning with the best transport. */
  reconnect(): void {
    this.#restart();
    this.#dispatch('reconnect');
  }

  /** What the server said of itself when the connection came up. */
  get hello(): Hello | undefined {
    return this.#hello;
  }

  /** The first store that is followed starts the connection. One that the application has closed stays closed. */
  wanted(): void {
    if (this.#state === 'idle') this.connect();
    else this.#judge();
  }

  get #clock() {
    return this.#options.platform.clock;
  }

  #dispatch(event: ConnectionEvent): void {
    const { state, actions } = transition(this.#state, event);
    this.#state = state;
    if (state === 'closed') {
      this.#unwatch?.();
      this.#unwatch = undefined;
    } else if (state !== 'idle') {
      this.#unwatch ??= this.#watch();
    }
    for (const action of actions) this.#act(action);
    this.#publish();
    if (actions.includes('attach')) this.#judge();
  }

  #act(action: ConnectionAction): void {
    switch (action) {
      case 'open':
        return this.#open();
      case 'close':
        return this.#close();
      case 'wait':
        return this.#wait();
      case 'unwait':
        return this.#unwait();
      case 'refresh':
        return this.#refresh();
      case 'attach':
        return this.#attach();
      case 'check':
        return this.#session?.check();
    }
  }

  #watch(): () => void {
    const { platform } = this.#options;
    const off = [platform.onNetwork((online) => this.#network(online)), platform.onWake(() => this.#dispatch('woken'))];
    return () => {
      for (const stop of off) stop();
    };
  }

  #network(online: boolean): void {
    if (online) this.#restart();
    this.#dispatch(online ? 'online' : 'offline');
  }

  #open(): void {
    this.#generation += 1;
    const generation = this.#generation;
    this.#options.tokens.get().then(
      (token) => {
        if (generation !== this.#generation) return;
        this.#token = token;
        this.#session = this.#start(this.#ladder.kind, token, (session) => this.#session === session);
      },
      (error: unknown) => this.#noToken(error, generation),
    );
  }

  /** `isCurrent` says whether the session is still the one that counts in its role. */
  #start(kind: TransportKind, token: string, isCurrent: (session: Session) => boolean): Session {
    const { url, platform, policy, opener } = this.#options;
    const session: Session = new Session(
      kind,
      { url, token, platform, policy, opener },
      {
        greeted: (hello) => {
          if (isCurrent(session)) this.#greeted(session, hello, token);
        },
        frames: (frames) => {
          if (session !== this.#session) return;
          this.exchange.receive(frames);
          this.#judge();
        },
        ended: (why) => {
          if (session === this.#session) this.#ended(session, why);
          else if (session === this.#better) this.#stayed();
        },
      },
    );
    return session;
  }

  #greeted(session: Session, hello: Hello, token: string): void {
    if (session === this.#better) {
      this.#better = undefined;
      this.#session?.close();
      this.#session = session;
      this.#ladder.climbed();
    }
    this.#hello = hello;
    this.#refusals = 0;
    this.#greetedAt = this.#clock.now();
    this.#dispatch(session.kind === 'polling' ? 'polled' : 'opened');
    this.#planClimb();
    this.#planRefresh(token);
  }

  #attach(): void {
    const session = this.#session as Session;
    this.#retryAfter = 0;
    this.#error = undefined;
    this.exchange.attach((frame) => session.send(frame), this.#hello?.epoch ?? '', moved());
  }

  #ended(session: Session, { refused, unfit, retryAfter = 0, error }: Closed): void {
    this.#retryAfter = retryAfter;
    this.#error = error ?? unreachable('The connection ended.');
    if (refused) {
      this.#refusals += 1;
      const isHopeless = this.#refusals === REFUSAL_LIMIT || !this.#options.tokens.canRefresh;
      return isHopeless ? this.#signedOut() : this.#dispatch('refused');
    }
    // The new token was not refused: should it expire while the server is away, that is another matter.
    this.#refusals = 0;
    const lasted = !unfit && session.greeted && this.#clock.now() - this.#greetedAt >= this.#options.policy.openTimeout;
    if (lasted) this.#forget();
    else if (this.#ladder.failed()) this.#stepDown();
    this.#dispatch('lost');
  }

  #forget(): void {
    this.#attempt = 0;
    this.#ladder.forget();
  }

  #restart(): void {
    this.#attempt = 0;
    this.#ladder.restart();
  }

  /** A lesser transport is tried only where the server answers plain HTTP: one that is down is down for all of them. */
  #stepDown(): void {
    const { url, platform } = this.#options;
    const { kind } = this.#ladder;
    platform.fetch(`${url}/api/health`).then(
      () => {
        if (this.#ladder.kind === kind && !isAttached(this.#state)) this.#ladder.stepDown();
      },
      () => {},
    );
  }

  #planClimb(): void {
    this.#cancelClimb();
    const { better } = this.#ladder;
    if (!better) return;
    this.#cancelClimb = this.#clock.after(this.#ladder.climbAfter, () => {
      this.#ladder.climbing();
      const generation = this.#generation;
      this.#options.tokens.get().then(
        (token) => {
          if (generation !== this.#generation) return;
          this.#better = this.#start(better, token, (session) => this.#better === session);
        },
        () => this.#stayed(),
      );
    });
  }

  /** The better transport does not work yet. */
  #stayed(): void {
    this.#better = undefined;
    if (isAttached(this.#state)) this.#planClimb();
  }

  #close(): void {
    this.#generation += 1;
    this.#cancelClimb();
    this.#cancelRefresh();
    this.#session?.close();
    this.#better?.close();
    this.#session = undefined;
    this.#better = undefined;
    this.exchange.detach(this.#error ?? moved());
  }

  #wait(): void {
    const { policy, platform } = this.#options;
    this.#attempt += 1;
    if (this.#attempt > policy.attempts) return this.#dispatch('disconnect');
    const delay = backoff(policy, this.#attempt, platform.random(), this.#retryAfter);
    this.#retryAt = this.#clock.now() + delay;
    this.#cancelRetry = this.#clock.after(delay, () => {
      this.#retryAt = undefined;
      this.#dispatch('retry');
    });
  }

  #unwait(): void {
    this.#retryAt = undefined;
    this.#cancelRetry();
  }

  #refresh(): void {
    this.#generation += 1;
    const generation = this.#generation;
    this.#options.tokens.refresh(this.#token).then(
      () => {
        if (generation === this.#generation) this.#dispatch('token');
      },
      (error: unknown) => this.#noToken(error, generation),
    );
  }

  #noToken(error: unknown, generation: number): void {
    if (generation !== this.#generation) return;
    const known = error instanceof MillraceError;
    this.#error = known ? error : unreachable('The token function could not reach its server.');
    if (known) this.#signedOut();
    else this.#dispatch('lost');
  }

  /** Whoever signs in again and reconnects is asked for a new token. */
  #signedOut(): void {
    this.#options.tokens.forget();
    this.#refusals = 0;
    this.#dispatch('no-token');
  }

  /** Replaces the token before it expires, so that the connection and its cursors stay as they are. */
  #planRefresh(token: string): void {
    this.#cancelRefresh();
    const expires = tokenExpiry(token);
    if (expires === undefined || !this.#options.tokens.canRefresh) return;
    const left = expires - this.#clock.now();
    if (left <= 0) return;
    const ahead = Math.min(this.#options.policy.refreshAhead, left / 2);
    this.#cancelRefresh = this.#clock.after(left - ahead, () => {
      const generation = this.#generation;
      this.#options.tokens
        .renew()
        .then(async (next) => {
          if (generation !== this.#generation || next === token) return;
          // Before the answer: where none comes, it is this one that has to be replaced in the end.
          this.#token = next;
          await this.exchange.ask({ type: 'token', token: next });
          if (generation === this.#generation) this.#planRefresh(next);
        })
        // The old one holds until the server refuses it; then the table says what happens.
        .catch(() => {});
    });
  }

  #judge(): void {
    if (isAttached(this.#state)) {
      const event = this.exchange.behind ? 'behind' : 'caught-up';
      if (transition(this.#state, event).state !== this.#state) this.#dispatch(event);
    }
  }

  #publish(): void {
    const next = this.#describe();
    const before = this.#snapshot;
    if ((Object.keys(next) as (keyof ConnectionSnapshot)[]).every((key) => next[key] === before[key])) return;
    this.#snapshot = next;
    this.#listeners.tell();
  }

  #describe(): ConnectionSnapshot {
    return {
      state: this.#state,
      transport: isAttached(this.#state) ? this.#session?.kind : undefined,
      attempt: isAttached(this.#state) ? 0 : this.#attempt,
      retryAt: this.#retryAt,
      user: this.#hello?.user,
      error: this.#error,
    };
  }
}

function moved(): MillraceError {
  return unreachable('The connection ended before the answer came.');
}
