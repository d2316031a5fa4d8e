import type { Clock } from '@millrace/protocol/clock';
import type { RunSocketMessage } from '@millrace/protocol/dialects/run-socket';
import type { Json } from '@millrace/protocol/json';
import { backoff, defaultPolicy } from '../policy.ts';
import { Listeners, type Store } from '../store.ts';
import { resilientReconnection } from './reconnection.ts';

export interface ResilientSocketOptions {
  runId: string;
  onMessage?: (message: RunSocketMessage) => void;
  onConnectionChange?: (connected: boolean) => void;
  /** default 999 */
  maxReconnectAttempts?: number;
  /** ms, doubled with every failed attempt; default 1,000 */
  initialReconnectDelay?: number;
  /** ms; default 30,000 */
  maxReconnectDelay?: number;
  /** ms between two pings; after two that nothing came back for, the connection is opened anew. Default 30,000 */
  heartbeatInterval?: number;
}

/** What a socket of its own needs of its surroundings. */
export interface SocketWays {
  /** the server's address, `http://…` or `https://…` */
  url(): string;
  /** the token to show; another one where `refused` was refused */
  token(refused?: string): Promise<string>;
  clock: Clock;
  WebSocket?: typeof WebSocket | undefined;
}

export interface ResilientSocketSnapshot {
  readonly connected: boolean;
}

/** the server's close code for a token that it does not accept */
const UNAUTHORIZED = 4401;
/** pings that may stay unanswered */
const LOST_PINGS = 2;

/**
 * The plain WebSocket `/ws/{runId}`: comes back by itself with the timestamp of the last message, asks for the run's state
 * when it does, and pings. It opens with `start` and stays away after `disconnect` until `reconnect`.
 */
export class ResilientSocket implements Store<ResilientSocketSnapshot> {
  readonly #options: ResilientSocketOptions;
  readonly #ways: SocketWays;
  readonly #listeners = new Listeners();
  #snapshot: ResilientSocketSnapshot = { connected: false };
  #socket: WebSocket | undefined;
  /** counts openings and closings: what belongs to an older one is no news any more */
  #generation = 0;
  #attempt = 0;
  #since: string | undefined;
  #refused: string | undefined;
  #cancelRetry = () => {};
  #cancelPing = () => {};

  constructor(options: ResilientSocketOptions, ways: SocketWays) {
    this.#options = options;
    this.#ways = ways;
  }

  getSnapshot(): ResilientSocketSnapshot {
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  start(): void {
    this.#close();
    this.#open(this.#generation);
  }

  /** Closes it; it does not come back by itself. */
  disconnect(): void {
    this.#close();
    this.#tell(false);
  }

  /** Drops what is there and tries at once, with all attempts before it. */
  reconnect(): void {
    this.#attempt = 0;
    this.start();
  }

  /** false = it is not connected, and nothing was sent. */
  sendMessage(message: Json): boolean {
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #open(generation: number): void {
    const { token } = this.#ways;
    token(this.#refused).then(
      (text) => {
        if (generation === this.#generation) this.#connect(text, generation);
      },
      () => this.#lost(generation),
    );
  }

  #connect(token: string, generation: number): void {
    const { url, WebSocket: Socket = globalThis.WebSocket } = this.#ways;
    const since = this.#since;
    const query = new URLSearchParams({ token, ...(since !== undefined && { since }) });
    const path = `/ws/${encodeURIComponent(this.#options.runId)}`;
    const socket = new Socket(`${url().replace(/^http/, 'ws').replace(/\/+$/, '')}${path}?${query}`);
    this.#socket = socket;
    socket.onopen = () => {
      if (socket === this.#socket) this.#beat(generation, 0);
    };
    socket.onmessage = ({ data }: MessageEvent) => {
      if (socket !== this.#socket) return;
      this.#beat(generation, 0);
      const message = parse(data);
      if (!message) return;
      if (message.event_type === 'connected' || message.event_type === 'reconnected')
        this.#greeted(since !== undefined);
      // Who was refused at the door has not read anything.
      if (message.seq > 0) this.#since = message.timestamp;
      this.#options.onMessage?.(message);
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return;
      if (code === UNAUTHORIZED) this.#refused = token;
      this.#lost(generation);
    };
    // What went wrong is told by the close event that follows.
    socket.onerror = () => {};
  }

  /** A socket that opens may still be refused: it is connected when the server says so. */
  #greeted(again: boolean): void {
    this.#attempt = 0;
    this.#refused = undefined;
    this.#tell(true);
    if (again) this.sendMessage({ type: 'request_state' });
  }

  #beat(generation: number, unanswered: number): void {
    const { heartbeatInterval = 30_000 } = this.#options;
    this.#cancelPing();
    this.#cancelPing = this.#ways.clock.after(heartbeatInterval, () => {
      if (unanswered === LOST_PINGS) return this.#lost(generation);
      this.sendMessage({ type: 'ping' });
      this.#beat(generation, unanswered + 1);
    });
  }

  #lost(generation: number): void {
    if (generation !== this.#generation) return;
    this.#close();
    this.#tell(false);
    const { backoffMin, backoffMax, jitter, attempts } = resilientReconnection;
    const {
      maxReconnectAttempts = attempts,
      initialReconnectDelay = backoffMin,
      maxReconnectDelay = backoffMax,
    } = this.#options;
    this.#attempt += 1;
    if (this.#attempt > maxReconnectAttempts) return;
    const policy = { ...defaultPolicy, jitter, backoffMin: initialReconnectDelay, backoffMax: maxReconnectDelay };
    const next = this.#generation;
    this.#cancelRetry = this.#ways.clock.after(backoff(policy, this.#attempt, 0), () => this.#open(next));
  }

  #close(): void {
    this.#generation += 1;
    this.#cancelRetry();
    this.#cancelPing();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #tell(connected: boolean): void {
    if (connected === this.#snapshot.connected) return;
    this.#snapshot = { connected };
    this.#options.onConnectionChange?.(connected);
    this.#listeners.tell();
  }
}

function parse(data: unknown): RunSocketMessage | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const value = JSON.parse(data) as Partial<RunSocketMessage> | null;
    return typeof value?.event_type === 'string' ? (value as RunSocketMessage) : undefined;
  } catch {
    return undefined;
  }
}
