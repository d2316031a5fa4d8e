import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error';
import { type Bus, type BusMessage, topics } from './bus.ts';
import { LocalBus } from './bus-local.ts';
import { openPostgresLink, type PostgresLink } from './bus-postgres-link.ts';
import { messagesIn, Unsaid } from './bus-postgres-payload.ts';
import { Tether } from './tether.ts';

export interface PostgresBusOptions {
  url: string;
  /** this server's boot */
  server: string;
  clock: Clock;
  /** from 0 to below 1 */
  random: () => number;
  count(name: string, by?: number): void;
}

/** Throws `config_invalid` where a pooler swallows notifications; a database that does not answer is tried again. */
export async function openPostgresBus(options: PostgresBusOptions): Promise<PostgresBus> {
  const bus = new PostgresBus(options);
  await bus.start();
  return bus;
}

/**
 * Hints between servers by LISTEN and NOTIFY on a connection of their own. A wake-up, not a carrier: it names runs and
 * how far they reach, and whoever follows them reads the store. One notification is under way at a time, and what is
 * published meanwhile goes with the next, since all of a database's notifications are committed one after the other.
 */
export class PostgresBus implements Bus {
  readonly #options: PostgresBusOptions;
  readonly #local = new LocalBus();
  readonly #tether: Tether<PostgresLink>;
  #unsaid = new Unsaid();
  #saying = false;

  constructor(options: PostgresBusOptions) {
    this.#options = options;
    this.#tether = new Tether({
      clock: options.clock,
      random: options.random,
      open: (lost) => openPostgresLink({ ...options, heard: (payload) => this.#heard(payload), lost }),
      opened: () => this.#local.publish([{ kind: 'wake', topic: topics.wake }]),
      explain: (error) =>
        error instanceof MillraceError
          ? error.message
          : `DATABASE_URL: Postgres cannot wake this server (${error.message}). ` +
            'Until it can, what other servers write is up to a second late here.',
    });
  }

  start(): Promise<void> {
    return this.#tether.start();
  }

  publish(messages: readonly BusMessage[]): void {
    this.#local.publish(messages);
    for (const message of messages) this.#unsaid.add(message);
    if (this.#saying || this.#unsaid.empty) return;
    this.#saying = true;
    queueMicrotask(() => void this.#say());
  }

  subscribe(topic: string, listener: (message: BusMessage) => void): () => void {
    return this.#local.subscribe(topic, listener);
  }

  trouble(): string | undefined {
    return this.#tether.trouble;
  }

  async close(): Promise<void> {
    this.#tether.close();
    await this.#local.close();
  }

  async #say(): Promise<void> {
    while (!this.#unsaid.empty) {
      const payload = this.#unsaid.payload(this.#options.server);
      this.#unsaid = new Unsaid();
      try {
        if (!this.#tether.link) throw new Error('There is no connection.');
        await this.#tether.link.notify(payload);
      } catch {
        this.#options.count('bus_dropped_total');
      }
    }
    this.#saying = false;
  }

  #heard(payload: string): void {
    try {
      this.#local.publish(
        messagesIn(payload, this.#options.server, (tenant) => this.#local.follows(topics.rows(tenant))),
      );
    } catch {
      this.#options.count('bus_unreadable_total');
    }
  }
}
