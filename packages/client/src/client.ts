import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error-code';
import { filterKey, type ListQuery, type RunFilter } from '@millrace/protocol/frame';
import type { Api } from './api.ts';
import { systemClock } from './clock.ts';
import { Commands } from './commands.ts';
import { Connection, type ConnectionStore } from './connection.ts';
import { type ConnectionState, isAttached } from './connection-state.ts';
import { lazyApi } from './lazy-api.ts';
import { ListStore } from './list-store.ts';
import { newKey } from './new-key.ts';
import { defaultPolicy, type Policy } from './policy.ts';
import { queryKey } from './query-key.ts';
import { RunStore } from './run-store.ts';
import { type TokenOption, TokenSource } from './token.ts';
import { nativePlatform, type Opener, type Platform, type TransportKind, usable } from './transport.ts';
import { openWebSocket } from './transport-websocket.ts';

export interface ClientOptions {
  /** the server's address, e.g. `https://millrace.example.com`; in a page served by it, `location.origin` */
  url: string;
  /** a function is asked again whenever the token has expired */
  token: TokenOption;
  clock?: Clock;
  policy?: Partial<Policy>;
  /** what to try, best first. Default: all of them */
  transports?: readonly TransportKind[];
  /**
   * Makes one connection serve all tabs of the browser that show the same user: opens the worker of the given name, as in
   * `(name) => new SharedWorker(new URL('@millrace/client/shared-worker', import.meta.url), { name, type: 'module' })`.
   * Without it, and where there are no shared workers, each tab has a connection of its own.
   */
  sharedWorker?: (name: string) => SharedWorker;
  /** replaces parts of the environment, e.g. `fetch` or `WebSocket` where there is none */
  platform?: Partial<Platform>;
}

/** Follows runs. One connection serves all of its stores; it opens with the first store that is listened to. */
export interface Client {
  /** The live store of one run. The same run and filter give the same store for as long as it is used. */
  run(id: string, options?: { filter?: RunFilter }): RunStore;
  /** The live list of the runs that match. Equal queries share a store. */
  list(query?: ListQuery): ListStore;
  readonly connection: ConnectionStore;
  readonly api: Api;
  /** what was asked of runs and is not in their logs yet: under way, or waiting for the connection */
  readonly commands: Commands;
  /** the clock that it was made with */
  readonly clock: Clock;
  /** Opens the connection now, also one that was closed. */
  connect(): void;
  /** Closes it until `connect` or `reconnect`. Stores keep what they show. */
  disconnect(): void;
  /** Tries at once, beginning with the best transport; after signing in again, with a new token. */
  reconnect(): void;
}

/** Throws `invalid_request` where the address is none. */
export function createClient(options: ClientOptions): Client {
  const clock = options.clock ?? systemClock;
  const sharedWorker = 'SharedWorker' in globalThis ? options.sharedWorker : undefined;
  const platform: Platform = { ...nativePlatform(clock), sharedWorker, ...options.platform };
  const policy: Policy = { ...defaultPolicy, ...options.policy };
  const tokens = new TokenSource(options.token);
  const url = addressOf(options.url);
  const transports = usable(options.transports ?? ['shared-worker', 'websocket', 'sse', 'polling'], platform);
  const connection = new Connection({ url, tokens, platform, policy, transports, opener });
  const api = lazyApi({ url, tokens, platform, newKey: () => newKey(platform) });
  const runs = new WeakCache<RunStore>();
  const lists = new WeakCache<ListStore>();

  const commands = new Commands({
    clock,
    api,
    exchange: connection.exchange,
    connection: () => reach(connection.getSnapshot().state),
  });
  connection.subscribe(() => {
    if (isAttached(connection.getSnapshot().state)) commands.resend().catch(ignore);
  });
  const link = {
    commands,
    newKey: () => newKey(platform),
    readPage: (run: string) => (after: string, limit: number) => api.events(run, { after, limit }),
    afterGrace: (fn: () => void) => clock.after(policy.grace, fn),
    follow(store: RunStore) {
      const unfollow = connection.exchange.followRun(store);
      connection.wanted();
      return unfollow;
    },
    followList(store: ListStore) {
      const unfollow = connection.exchange.followList(store);
      connection.wanted();
      return unfollow;
    },
  };

  return {
    connection,
    api,
    commands,
    clock,
    run: (id, { filter } = {}) => runs.get(filterKey(id, filter), () => new RunStore(id, filter, link)),
    list: (query = {}) => lists.get(queryKey(query), () => new ListStore(query, link)),
    connect: () => connection.connect(),
    disconnect: () => connection.disconnect(),
    reconnect: () => connection.reconnect(),
  };
}

/** Whether a command can be sent in this state, or will be. */
function reach(state: ConnectionState): 'up' | 'down' | 'off' {
  if (isAttached(state)) return 'up';
  return state === 'idle' || state === 'closed' ? 'off' : 'down';
}

/** What most pages never need is fetched by the page that does. */
const opener: Opener = async (kind) => {
  switch (kind) {
    case 'shared-worker':
      return (await import('./transport-shared-worker.ts')).openSharedWorker;
    case 'websocket':
      return openWebSocket;
    case 'sse':
      return (await import('./transport-sse.ts')).openSse;
    case 'polling':
      return (await import('./transport-polling.ts')).openPolling;
  }
};

/** Code that cannot be fetched is asked for again when the connection comes up again, or when it is needed. */
const ignore = () => {};

/** Keeps one object per key for as long as somebody holds it. */
class WeakCache<T extends object> {
  readonly #refs = new Map<string, WeakRef<T>>();
  readonly #gone = new FinalizationRegistry<string>((key) => {
    if (!this.#refs.get(key)?.deref()) this.#refs.delete(key);
  });

  get(key: string, make: () => T): T {
    const known = this.#refs.get(key)?.deref();
    if (known) return known;
    const made = make();
    this.#refs.set(key, new WeakRef(made));
    this.#gone.register(made, key);
    return made;
  }
}

function addressOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') {
    throw new MillraceError('invalid_request', { detail: `"${url}" is no address. Expected http:// or https://.` });
  }
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}`;
}
