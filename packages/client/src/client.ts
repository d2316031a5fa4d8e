import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error';
import { filterKey, type ListQuery, type RunCommand, type RunFilter } from '@millrace/protocol/frame';
import { Api, type CommandAnswer } from './api.ts';
import { systemClock } from './clock.ts';
import { Connection, type ConnectionStore } from './connection.ts';
import { ListStore } from './list-store.ts';
import { defaultPolicy, type Policy } from './policy.ts';
import { RunStore } from './run-store.ts';
import { type TokenOption, TokenSource } from './token.ts';
import { nativePlatform, type Platform, type TransportKind } from './transport.ts';

export interface ClientOptions {
  /** the server's address, e.g. `https://millrace.example.com`; in a page served by it, `location.origin` */
  url: string;
  /** a function is asked again whenever the token has expired */
  token: TokenOption;
  clock?: Clock;
  policy?: Partial<Policy>;
  /** what to try, best first. Default: all three */
  transports?: readonly TransportKind[];
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
  const platform: Platform = { ...nativePlatform(clock), ...options.platform };
  const policy: Policy = { ...defaultPolicy, ...options.policy };
  const tokens = new TokenSource(options.token);
  const url = addressOf(options.url);
  const transports = transportsOf(options.transports ?? ['websocket', 'sse', 'polling'], platform);
  const connection = new Connection({ url, tokens, platform, policy, transports });
  const api = new Api({ url, tokens, platform, newKey: () => newKey(platform) });
  const runs = new WeakCache<RunStore>();
  const lists = new WeakCache<ListStore>();

  /** Over the connection where it is up; where it is not, or ends before the answer, over HTTP with the same key. */
  const command = async (run: string, wish: RunCommand, key = newKey(platform)): Promise<CommandAnswer> => {
    try {
      const answer = await connection.exchange.ask({ type: 'command', run, command: wish, key });
      if (answer) return { seq: answer.head, ...(answer.result !== undefined && { result: answer.result }) };
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'unreachable') throw error;
    }
    return api.command(run, wish, key);
  };
  const link = {
    command,
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
    run: (id, { filter } = {}) => runs.get(filterKey(id, filter), () => new RunStore(id, filter, link)),
    list: (query = {}) => lists.get(queryKey(query), () => new ListStore(query, link)),
    connect: () => connection.connect(),
    disconnect: () => connection.disconnect(),
    reconnect: () => connection.reconnect(),
  };
}

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

function queryKey(query: ListQuery): string {
  const entries = Object.entries(query).filter(([, value]) => value !== undefined);
  return JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function transportsOf(wanted: readonly TransportKind[], platform: Platform): readonly TransportKind[] {
  const usable = wanted.filter((kind) => kind !== 'websocket' || platform.WebSocket !== undefined);
  return usable.length > 0 ? usable : ['polling'];
}

function addressOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') {
    throw new MillraceError('invalid_request', { detail: `"${url}" is no address. Expected http:// or https://.` });
  }
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}`;
}

/** 104 random bits; `crypto.randomUUID` would be missing on plain http pages. */
function newKey({ random }: Platform): string {
  return Array.from({ length: 4 }, () =>
    Math.floor(random() * 2 ** 26)
      .toString(36)
      .padStart(6, '0'),
  ).join('');
}
