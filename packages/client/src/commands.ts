import type { Clock } from '@millrace/protocol/clock';
import type { Api, CommandAnswer } from './api.ts';
import type { CommandDelivery } from './command-delivery.ts';
import type { CommandQueue, Given, PendingCommand } from './command-queue.ts';
import type { Exchange } from './exchange.ts';
import { lazy } from './lazy.ts';
import { Listeners, type Store } from './store.ts';

export interface CommandWays {
  clock: Clock;
  exchange: Exchange;
  api: Api;
  /** `up`: it can be sent now; `down`: it will be up again by itself; `off`: nobody knows whether it ever will */
  connection(): 'up' | 'down' | 'off';
}

const none: CommandQueue = [];

/**
 * The commands of this page that the log does not tell of yet. What cannot be delivered while the connection is away
 * waits and is sent again, with the same key, when it is back: 60 s at most unless it is confirmed, and answers to waits
 * for ever. They live as long as the page: a reload lets go of them.
 */
export class Commands implements Store<CommandQueue> {
  readonly #listeners = new Listeners();
  readonly #load: () => Promise<CommandDelivery>;
  #delivery: CommandDelivery | undefined;

  constructor(ways: CommandWays) {
    this.#load = lazy(async () => {
      const { CommandDelivery, deliverBy } = await import('./command-delivery.ts');
      this.#delivery = new CommandDelivery({ ...ways, deliver: deliverBy(ways) }, this.#listeners);
      return this.#delivery;
    });
  }

  getSnapshot(): CommandQueue {
    return this.#delivery?.getSnapshot() ?? none;
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  /**
   * Resolves when the server has taken it. Rejects with what the server says, with `idempotency_conflict` where the key
   * was given another command, and with `command_dropped` where it expired in the queue or was taken back.
   */
  give(given: Given): Promise<CommandAnswer> {
    return this.#delivery?.give(given) ?? this.#load().then((delivery) => delivery.give(given));
  }

  /** A queued command is to be sent however late the connection comes back. */
  confirm(entry: PendingCommand): void {
    this.#delivery?.confirm(entry);
  }

  /** Takes a queued command back. */
  takeBack(entry: PendingCommand): void {
    this.#delivery?.takeBack(entry);
  }

  /** A view shows the event that it wrote. */
  shown(entry: PendingCommand): void {
    this.#delivery?.shown(entry);
  }

  /**
   * The connection is up: what waits is sent, of each run one after the other. The code that delivers is fetched now at
   * the latest, for it will be needed just when nothing can be fetched.
   */
  async resend(): Promise<void> {
    (await this.#load()).resend();
  }
}
