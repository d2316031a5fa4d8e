import { MillraceError } from '@millrace/protocol/error-code';
import type { ClientFrame, EventPage, ListQuery, RunFilter, ServerFrame } from '@millrace/protocol/frame';
import { Api } from '../api.ts';
import { bearerOf } from '../bearer.ts';
import { Connection } from '../connection.ts';
import { isAttached } from '../connection-state.ts';
import { send } from '../http.ts';
import { ListStore } from '../list-store.ts';
import { newKey } from '../new-key.ts';
import { unreachable } from '../problem.ts';
import { queryKey } from '../query-key.ts';
import { errorOfResponse, retryAfterOf } from '../refused-response.ts';
import type { Hello } from '../session.ts';
import { TokenSource } from '../token.ts';
import { type Closed, type Opener, type Platform, usable } from '../transport.ts';
import type { TabSetup } from './message.ts';
import { SharedRun } from './shared-run.ts';
import { Tab } from './tab.ts';
import { TokenPool } from './token-pool.ts';

/** events in a page that one tab catches up with */
const PAGE = 1_000;

type Ok = Extract<ServerFrame, { type: 'ok' }>;
type Command = Extract<ClientFrame, { type: 'command' }>;

/** The browser's one connection, and the tabs that it serves: all of one bearer on one server. */
export class TabHub {
  readonly platform: Platform;
  readonly #setup: TabSetup;
  readonly #connection: Connection;
  readonly #api: Api;
  readonly #pool = new TokenPool();
  readonly #tabs = new Set<Tab>();
  readonly #runs = new Map<string, SharedRun>();
  readonly #lists = new Map<string, ListStore>();
  #bearer: string | undefined;
  #waiting: ((hello: Hello) => void)[] = [];
  #epoch: string | undefined;

  constructor(setup: TabSetup, platform: Platform, opener: Opener) {
    this.platform = platform;
    this.#setup = setup;
    const { url, policy } = setup;
    const tokens = new TokenSource(() => this.#pool.take());
    const transports = usable(['websocket', 'sse', 'polling'], platform);
    this.#connection = new Connection({ url, tokens, platform, policy, transports, opener });
    this.#connection.subscribe(() => this.#changed());
    this.#api = new Api({ url, tokens, platform, newKey: () => newKey(platform) });
  }

  join(port: MessagePort): void {
    this.#tabs.add(new Tab(port, this));
  }

  /** A tab has gone. The connection stays a moment for the next one. */
  left(tab: Tab): void {
    this.#tabs.delete(tab);
    this.#afterGrace(() => {
      if (this.#tabs.size === 0) this.#connection.disconnect();
    });
  }

  /** Asks the server whether it accepts a tab's token: answers why not, where it does not. */
  async verify(token: string): Promise<Closed | undefined> {
    const bearer = bearerOf(token);
    this.#bearer ??= bearer;
    if (bearer !== this.#bearer) {
      return {
        error: new MillraceError('forbidden', { detail: 'The new token is of another bearer. Connect again with it.' }),
      };
    }
    try {
      const response = await send(this.platform, this.#setup.url, token, { path: '/api/runs', query: { limit: 1 } });
      if (response.ok || response.status === 403) {
        await response.body?.cancel();
        this.#pool.offer(token);
        return undefined;
      }
      const retryAfter = retryAfterOf(response, this.platform.clock.now());
      return { refused: response.status === 401, retryAfter, error: await errorOfResponse(response) };
    } catch (error) {
      return { error: error instanceof MillraceError ? error : unreachable(String(error)) };
    }
  }

  /** Resolves with the server's hello as soon as the connection is up. A connection that waits is not waited for. */
  greet(): Promise<Hello> {
    const { state, retryAt } = this.#connection.getSnapshot();
    const { hello } = this.#connection;
    if (isAttached(state) && hello) return Promise.resolve(hello);
    if (retryAt !== undefined || (state !== 'connecting' && state !== 'reconnecting')) this.#connection.reconnect();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  run(id: string, filter: RunFilter | undefined, key: string): SharedRun {
    const known = this.#runs.get(key);
    if (known) return known;
    const follow = (run: SharedRun) => {
      const unfollow = this.#connection.exchange.followRun(run);
      return () => {
        unfollow();
        this.#runs.delete(key);
      };
    };
    const run = new SharedRun({ id, filter, key }, follow, this.#afterGrace);
    this.#runs.set(key, run);
    return run;
  }

  list(query: ListQuery): ListStore {
    const key = queryKey(query);
    const known = this.#lists.get(key);
    if (known) return known;
    const followList = (store: ListStore) => {
      const unfollow = this.#connection.exchange.followList(store);
      return () => {
        unfollow();
        this.#lists.delete(key);
      };
    };
    const list = new ListStore(query, { followList, afterGrace: this.#afterGrace });
    this.#lists.set(key, list);
    return list;
  }

  page(run: string, after: string): Promise<EventPage> {
    return this.#api.events(run, { after, limit: PAGE });
  }

  /** Passes a command on. Rejects with the server's refusal, or with `unreachable`. */
  async ask({ id: _, ...command }: Command): Promise<Ok> {
    const answer = await this.#connection.exchange.ask(command);
    if (!answer) throw unreachable('The connection is not up.');
    return answer;
  }

  readonly #afterGrace = (fn: () => void): (() => void) => this.platform.clock.after(this.#setup.policy.grace, fn);

  #changed(): void {
    const { state, error } = this.#connection.getSnapshot();
    const { hello } = this.#connection;
    const epoch = isAttached(state) ? hello?.epoch : undefined;
    if (epoch === this.#epoch) return;
    // Cursors of another epoch are settled where every subscription begins: in a new session.
    if (this.#epoch !== undefined) {
      for (const tab of [...this.#tabs])
        if (tab.greeted) tab.end({ error: error ?? unreachable('The connection ended.') });
    }
    this.#epoch = epoch;
    if (hello && epoch !== undefined) for (const greet of this.#waiting.splice(0)) greet(hello);
  }
}
