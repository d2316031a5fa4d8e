import type { ServerFrame } from '@millrace/protocol/frame';
import type { Client } from './client.ts';
import type { ConnectionSnapshot } from './connection.ts';
import { isAttached } from './connection-state.ts';
import { Listeners, type Store } from './store.ts';

/** How good the connection is, measured from the first time that somebody asked. */
export interface ConnectionQuality {
  /** ms from a ping to its answer, of the last 100; undefined until the first. A shared worker answers for itself */
  readonly roundTrip: { readonly p50: number; readonly p95: number } | undefined;
  /** how often the connection came back within the last hour */
  readonly reconnects: number;
  /** events that the server has told of and that have not come yet, of all runs that are followed */
  readonly lag: number;
}

export type MeasuredConnection = ConnectionSnapshot & { readonly quality: ConnectionQuality };

const SAMPLES = 100;
const HOUR = 3_600_000;

const stores = new WeakMap<Client, MeasuredConnectionStore>();

/** The connection of a client with its quality; one measures for all who ask. */
export function measuredConnection(client: Client): MeasuredConnectionStore {
  const known = stores.get(client) ?? new MeasuredConnectionStore(client);
  stores.set(client, known);
  return known;
}

export class MeasuredConnectionStore implements Store<MeasuredConnection> {
  readonly #client: Client;
  readonly #listeners = new Listeners();
  /** ms, oldest first */
  readonly #trips: number[] = [];
  /** when it came back, ms since the epoch, oldest first */
  #returns: number[] = [];
  /** by subscription, how far its log reaches and how far it has come, while it catches up */
  readonly #positions = new Map<string, { head: number; at: number }>();
  #wasUp: boolean;
  #everUp: boolean;
  #connection: ConnectionSnapshot;
  #snapshot: MeasuredConnection;

  constructor(client: Client) {
    this.#client = client;
    const { connection } = client;
    this.#connection = connection.getSnapshot();
    this.#wasUp = isAttached(this.#connection.state);
    this.#everUp = this.#wasUp;
    this.#snapshot = { ...this.#connection, quality: this.#quality() };
    connection.exchange.observe = (frames) => this.#hear(frames);
    connection.subscribe(() => this.#moved());
    if (this.#wasUp) this.#ping();
  }

  getSnapshot(): MeasuredConnection {
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /** A heartbeat comes every 30 s: who looks at a new connection shall not wait for it. */
  #ping(): void {
    this.#client.connection.exchange.ping(this.#client.clock.now());
  }

  #moved(): void {
    const { state } = this.#client.connection.getSnapshot();
    const isUp = isAttached(state);
    if (isUp && !this.#wasUp) {
      if (this.#everUp) this.#returns.push(this.#client.clock.now());
      this.#everUp = true;
      this.#ping();
    }
    this.#wasUp = isUp;
    if (state !== 'catching-up' && state !== 'polling') this.#positions.clear();
    this.#publish();
  }

  #hear(frames: readonly ServerFrame[]): void {
    for (const frame of frames) this.#take(frame);
    this.#publish();
  }

  #take(frame: ServerFrame): void {
    switch (frame.type) {
      case 'pong':
        this.#trips.push(Math.max(0, this.#client.clock.now() - frame.at));
        if (this.#trips.length > SAMPLES) this.#trips.shift();
        break;
      case 'ok':
        if (frame.key !== undefined && frame.head !== undefined) this.#place(frame.key, frame.head, 0);
        break;
      case 'snapshot':
        this.#place(frame.key, frame.seq, frame.seq);
        break;
      case 'range':
        // Where a subscription with a cursor stands is first known by what it is sent.
        this.#place(frame.key, frame.through, frame.through);
    }
  }

  #place(key: string, head: number, at: number): void {
    const before = this.#positions.get(key);
    this.#positions.set(key, { head: Math.max(head, before?.head ?? 0), at: Math.max(at, before?.at ?? 0) });
  }

  #publish(): void {
    const connection = this.#client.connection.getSnapshot();
    const quality = this.#quality();
    const before = this.#snapshot;
    if (connection === this.#connection && JSON.stringify(quality) === JSON.stringify(before.quality)) return;
    this.#connection = connection;
    this.#snapshot = { ...connection, quality };
    this.#listeners.tell();
  }

  #quality(): ConnectionQuality {
    const since = this.#client.clock.now() - HOUR;
    this.#returns = this.#returns.filter((at) => at > since);
    const trips = [...this.#trips].sort((a, b) => a - b);
    const [p50, p95] = [percentile(trips, 0.5), percentile(trips, 0.95)];
    let lag = 0;
    for (const { head, at } of this.#positions.values()) if (at > 0) lag += head - at;
    const roundTrip = p50 === undefined || p95 === undefined ? undefined : { p50, p95 };
    return { roundTrip, reconnects: this.#returns.length, lag };
  }
}

/** `sorted`: smallest first */
function percentile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}
