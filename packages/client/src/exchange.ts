import type { MillraceError } from '@millrace/protocol/error-code';
import type { ClientFrame, RunFilter, ServerFrame } from '@millrace/protocol/frame';
import type { ListStore } from './list-store.ts';
import { errorOf } from './problem.ts';
import type { RunFrame } from './subscription.ts';

type Ok = Extract<ServerFrame, { type: 'ok' }>;
type Numbered = Extract<ClientFrame, { id: number }>;
type Unnumbered<F> = F extends unknown ? Omit<F, 'id'> : never;

/** What follows one run: a store, or what serves the tabs of a browser. */
export interface RunFollower {
  readonly id: string;
  readonly filter: RunFilter | undefined;
  /** names the subscription on the wire */
  readonly key: string;
  /** what to ask from */
  readonly after: string | undefined;
  readonly behind: boolean;
  attached(head: number | undefined): void;
  detached(): void;
  refused(error: MillraceError): void;
  /** Takes one frame; true = the missing stretch must be asked for. */
  receive(frame: RunFrame, epoch: string): boolean;
  /** a message was taken as a whole */
  flush(): void;
}

interface Pending {
  ok(answer: Ok): void;
  refused(error: MillraceError): void;
  /** the connection ended before the answer */
  lost(error: MillraceError): void;
}

const ignore = () => {};

/** Every subscription and every open question of a client, over whichever transport is up. */
export class Exchange {
  readonly #runs = new Map<string, RunFollower>();
  readonly #lists = new Map<ListStore, number>();
  readonly #pending = new Map<number, Pending>();
  /** calls back when a refused subscription is worth another try */
  readonly #afterRefusal: (fn: () => void) => void;
  /** hears every message before the stores do */
  observe: ((frames: readonly ServerFrame[]) => void) | undefined;
  #send: ((frame: ClientFrame) => void) | undefined;
  #epoch = '';
  #lastId = 0;

  constructor(afterRefusal: (fn: () => void) => void) {
    this.#afterRefusal = afterRefusal;
  }

  /** Whether some store does not have everything yet. */
  get behind(): boolean {
    for (const store of this.#runs.values()) if (store.behind) return true;
    for (const store of this.#lists.keys()) if (store.behind) return true;
    return false;
  }

  followRun(store: RunFollower): () => void {
    this.#runs.set(store.key, store);
    this.#subscribe(store);
    return () => {
      this.#runs.delete(store.key);
      store.detached();
      const { id: run, filter } = store;
      if (this.#send) this.#post({ type: 'unsubscribe', run, ...(filter && { filter }) });
    };
  }

  followList(store: ListStore): () => void {
    this.#list(store);
    return () => {
      const list = this.#lists.get(store);
      this.#lists.delete(store);
      store.detached();
      if (this.#send && list) this.#post({ type: 'unlist', list });
    };
  }

  /** A transport is up: everything is asked for from where it stands. */
  attach(send: (frame: ClientFrame) => void, epoch: string, lost: MillraceError): void {
    this.detach(lost);
    this.#send = send;
    this.#epoch = epoch;
    for (const store of this.#runs.values()) this.#subscribe(store);
    for (const store of this.#lists.keys()) this.#list(store);
  }

  /** The transport is gone. What was asked and not answered fails with `lost`; stores keep their cursors. */
  detach(lost: MillraceError): void {
    this.#send = undefined;
    for (const store of this.#runs.values()) store.detached();
    for (const store of this.#lists.keys()) store.detached();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const question of pending) question.lost(lost);
  }

  /** Asks one question; undefined = nothing is up to ask. Rejects with what the server says, or with `lost`'s error. */
  ask(frame: Unnumbered<Numbered>): Promise<Ok> | undefined {
    if (!this.#send) return undefined;
    return new Promise((resolve, reject) => {
      this.#post(frame, { ok: resolve, refused: reject, lost: reject });
    });
  }

  /** Asks for a `pong` of its own, beside the heartbeat's. `at`: now, ms. */
  ping(at: number): void {
    this.#send?.({ type: 'ping', at });
  }

  /** Takes one message, however many frames it holds; every store that changed then tells its listeners once. */
  receive(frames: readonly ServerFrame[]): void {
    this.observe?.(frames);
    for (const frame of frames) this.#take(frame);
    this.#flush();
  }

  #flush(): void {
    for (const store of [...this.#runs.values()]) store.flush();
    for (const store of [...this.#lists.keys()]) store.flush();
  }

  #take(frame: ServerFrame): void {
    switch (frame.type) {
      case 'hello':
        this.#epoch = frame.epoch;
        break;
      case 'ok':
        this.#answered(frame.id)?.ok(frame);
        break;
      case 'error': {
        const error = errorOf(frame.problem);
        if (frame.id !== undefined) this.#refusedOf(frame.id, error);
        else if (frame.key !== undefined) this.#refused(this.#runs.get(frame.key), error);
        break;
      }
      case 'range':
      case 'snapshot':
      case 'gap': {
        const store = this.#runs.get(frame.key);
        if (store?.receive(frame, this.#epoch)) this.#resubscribe(store);
        break;
      }
      case 'rows':
      case 'row':
      case 'gone':
        for (const [store, list] of this.#lists)
          if (list === frame.list && store.receive(frame)) this.#relist(store, list);
    }
  }

  /** A list is answered twice where it ends by an error: its id stands for it for as long as it is followed. */
  #refusedOf(id: number, error: MillraceError): void {
    const pending = this.#answered(id);
    if (pending) return pending.refused(error);
    for (const [store, list] of this.#lists) if (list === id) this.#refused(store, error);
  }

  #answered(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #post(frame: Unnumbered<Numbered>, pending?: Pending): number {
    this.#lastId += 1;
    const id = this.#lastId;
    if (pending) this.#pending.set(id, pending);
    this.#send?.({ ...frame, id } as Numbered);
    return id;
  }

  #subscribe(store: RunFollower): void {
    if (!this.#send) return;
    const { id: run, filter, after } = store;
    this.#post(
      { type: 'subscribe', run, ...(after !== undefined && { after }), ...(filter && { filter }) },
      {
        ok: ({ head }) => store.attached(head),
        refused: (error) => this.#refused(store, error),
        lost: ignore,
      },
    );
  }

  #resubscribe(store: RunFollower): void {
    const { id: run, filter } = store;
    this.#post({ type: 'unsubscribe', run, ...(filter && { filter }) });
    this.#subscribe(store);
  }

  #list(store: ListStore): void {
    const { query } = store;
    const refused = (error: MillraceError) => this.#refused(store, error);
    const id = this.#send ? this.#post({ type: 'list', query }, { ok: ignore, refused, lost: ignore }) : 0;
    this.#lists.set(store, id);
  }

  #relist(store: ListStore, list: number): void {
    this.#post({ type: 'unlist', list });
    this.#list(store);
  }

  #refused(store: RunFollower | ListStore | undefined, error: MillraceError): void {
    if (!store) return;
    store.refused(error);
    if (!error.row.retry) return;
    this.#afterRefusal(() => {
      if ('query' in store) {
        if (this.#lists.has(store)) this.#list(store);
      } else if (this.#runs.get(store.key) === store) this.#subscribe(store);
    });
  }
}
