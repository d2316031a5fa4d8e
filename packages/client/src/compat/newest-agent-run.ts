import type { Client } from '../client.ts';
import type { ListStore } from '../list-store.ts';
import type { RunSnapshot } from '../run-store.ts';
import { Listeners, type Store } from '../store.ts';

/** runs that are looked at for the agent's words: those that were created last */
const LOOKED_AT = 20;

/** The newest visible run in which an agent speaks; undefined while none is known. */
export class NewestAgentRun implements Store<string | undefined> {
  readonly #client: Client;
  readonly #agentId: string;
  readonly #list: ListStore;
  readonly #listeners = new Listeners();
  /** runs that have ended without a word of the agent */
  readonly #silent = new Set<string>();
  readonly #asked = new Map<string, { run: Store<RunSnapshot>; leave(): void }>();
  #leaveList = () => {};
  #newest: string | undefined;

  constructor(client: Client, agentId: string) {
    this.#client = client;
    this.#agentId = agentId;
    this.#list = client.list({ limit: LOOKED_AT });
  }

  getSnapshot(): string | undefined {
    return this.#newest;
  }

  subscribe(listener: () => void): () => void {
    const remove = this.#listeners.add(listener);
    if (this.#listeners.size === 1) {
      this.#leaveList = this.#list.subscribe(() => this.#look());
      this.#look();
    }
    return () => {
      remove();
      if (this.#listeners.size > 0) return;
      this.#leaveList();
      this.#ask([]);
    };
  }

  /** From the newest run down to the first that speaks: those that may still begin to are followed. */
  #look(): void {
    const open: string[] = [];
    let newest: string | undefined;
    for (const { id, endedAt } of this.#list.getSnapshot().rows) {
      if (this.#silent.has(id)) continue;
      const view = this.#asked.get(id)?.run.getSnapshot().view;
      const speaks = id === this.#newest || Object.keys(view?.content.messages ?? {}).length > 0;
      if (speaks) {
        newest = id;
        break;
      }
      if (view && endedAt !== undefined) this.#silent.add(id);
      else open.push(id);
    }
    this.#ask(open);
    if (newest === undefined || newest === this.#newest) return;
    this.#newest = newest;
    this.#listeners.tell();
  }

  #ask(ids: readonly string[]): void {
    for (const [id, { leave }] of this.#asked) {
      if (ids.includes(id)) continue;
      leave();
      this.#asked.delete(id);
    }
    for (const id of ids) {
      if (this.#asked.has(id)) continue;
      const run = this.#client.run(id, { filter: { agents: [this.#agentId] } });
      this.#asked.set(id, { run, leave: run.subscribe(() => this.#look()) });
    }
  }
}
