import { type ChannelEventName, type ChannelEvents, executionChannel } from '@millrace/protocol/dialects/channels';
import { tell } from '@millrace/protocol/dialects/dialect';
import type { RunEvent } from '@millrace/protocol/event';
import type { PublicStatus } from '@millrace/protocol/run';
import { publicStatus, type RunView } from '@millrace/protocol/view';
import type { RunStore } from '../run-store.ts';
import { Listeners, type Store } from '../store.ts';

/** One event of an execution's channel, with the data that belongs to its name. */
export type ExecutionEvent = { [E in ChannelEventName]: { event: E; data: ChannelEvents[E] } }[ChannelEventName];

/** What to do on events, by their names. */
export type ExecutionHandlers = { [E in ChannelEventName]?: (event: ChannelEvents[E]) => void };

export interface ExecutionEvents {
  /** oldest first, each once; the newest 1,000 */
  readonly events: readonly ExecutionEvent[];
  /** undefined until the server has answered */
  readonly status: PublicStatus | undefined;
  /** why the execution cannot be followed */
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

const MOST = 1_000;

/** What an execution's channel tells while somebody listens. */
export class ExecutionEventsStore implements Store<ExecutionEvents> {
  readonly #run: RunStore;
  readonly #handlers: () => ExecutionHandlers;
  readonly #listeners = new Listeners();
  #snapshot: ExecutionEvents = { events: [], status: undefined, error: undefined };
  /** the view that the last events led to, and the snapshot that it began with */
  #seen: { origin: string; view: RunView } | undefined;
  #leave: (() => void)[] = [];

  constructor(run: RunStore, handlers: () => ExecutionHandlers = () => ({})) {
    this.#run = run;
    this.#handlers = handlers;
  }

  getSnapshot(): ExecutionEvents {
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    const remove = this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#begin();
    return () => {
      remove();
      if (this.#listeners.size === 0) for (const leave of this.#leave.splice(0)) leave();
    };
  }

  #begin(): void {
    let heard: readonly RunEvent[] = [];
    this.#seen = undefined;
    this.#leave = [
      this.#run.onEvents((events) => {
        heard = events;
      }),
      this.#run.subscribe(() => {
        this.#look(heard);
        heard = [];
      }),
    ];
    this.#look([]);
  }

  #look(heard: readonly RunEvent[]): void {
    const { view, cursor, since, error } = this.#run.getSnapshot();
    const before = this.#seen;
    const origin = `${cursor?.split(':')[0]}:${since}`;
    this.#seen = view && { origin, view };
    // A view that begins anew holds these events already, and the one before them is not known.
    const goesOn = before?.origin === origin && heard.length > 0;
    const told = goesOn ? tell(executionChannel, before.view, heard, new WeakSet()).messages : [];
    const news = told as unknown as readonly ExecutionEvent[];
    this.#publish({
      events: news.length > 0 ? [...this.#snapshot.events, ...news].slice(-MOST) : this.#snapshot.events,
      status: view && publicStatus(view.control).status,
      error: error && { code: error.code, message: error.message },
    });
    const handlers = this.#handlers();
    for (const { event, data } of news) (handlers[event] as ((data: unknown) => void) | undefined)?.(data);
  }

  #publish(next: ExecutionEvents): void {
    const before = this.#snapshot;
    if (next.events === before.events && next.status === before.status && next.error?.code === before.error?.code) {
      return;
    }
    this.#snapshot = next;
    this.#listeners.tell();
  }
}
