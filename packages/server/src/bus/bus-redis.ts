import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error';
import { type Bus, type BusMessage, topics } from './bus.ts';
import { LocalBus } from './bus-local.ts';
import { openRedisLink, type RedisLink } from './bus-redis-link.ts';
import { messagesIn, payloadOf } from './bus-redis-payload.ts';
import { Tether } from './tether.ts';

export interface RedisBusOptions {
  /** redis:// or rediss:// */
  url: string;
  /** what is common to the servers of one database and to no others, now: Redis' channels know no databases */
  space: () => string;
  /** this server's boot */
  server: string;
  clock: Clock;
  /** from 0 to below 1 */
  random: () => number;
  count(name: string, by?: number): void;
}

/** characters that may be under way to Redis; what comes on top is dropped */
const BACKLOG_LIMIT = 16_000_000;
/** changes when the payload's form does, so that servers of two versions do not misread each other */
const FORM = 'millrace.1';

/** The space is that of the moment when it was opened. */
type SpacedLink = RedisLink & { prefix: string };

/** Throws `config_invalid` where Redis answers and refuses; one that does not answer is tried again and again. */
export async function openRedisBus(options: RedisBusOptions): Promise<RedisBus> {
  const bus = new RedisBus(options);
  await bus.start();
  return bus;
}

/**
 * Hints between servers by Redis' pub/sub, with the batch's text: one channel per topic, subscribed while this
 * server follows it. Nothing is stored there, and nothing waits: while Redis is away hints are dropped and counted.
 */
export class RedisBus implements Bus {
  readonly #options: RedisBusOptions;
  readonly #local = new LocalBus();
  readonly #tether: Tether<SpacedLink>;
  #joining = new Set<string>();
  #leaving = new Set<string>();
  #changing = false;
  #backlog = 0;

  constructor(options: RedisBusOptions) {
    this.#options = options;
    this.#tether = new Tether({
      clock: options.clock,
      random: options.random,
      open: (lost) => this.#open(lost),
      opened: () => {
        this.#joining = new Set(this.#local.followed());
        this.#leaving.clear();
        this.#changeLater();
      },
      explain: (error) =>
        error instanceof MillraceError
          ? error.message
          : `REDIS_URL: no Redis can be used at ${hostOf(options.url)} (${reasonOf(error)}). Start it or mend REDIS_URL; ` +
            'until then what one server writes is up to a second late on the others.',
    });
  }

  start(): Promise<void> {
    return this.#tether.start();
  }

  publish(messages: readonly BusMessage[]): void {
    this.#local.publish(messages);
    const byTopic = Map.groupBy(messages, ({ topic }) => topic);
    for (const [topic, own] of byTopic) this.#send(topic, own);
  }

  subscribe(topic: string, listener: (message: BusMessage) => void): () => void {
    if (!this.#local.follows(topic)) this.#join(topic);
    const end = this.#local.subscribe(topic, listener);
    return () => {
      const followed = this.#local.follows(topic);
      end();
      if (followed && !this.#local.follows(topic)) this.#leave(topic);
    };
  }

  trouble(): string | undefined {
    return this.#tether.trouble;
  }

  async close(): Promise<void> {
    this.#tether.close();
    await this.#local.close();
  }

  #send(topic: string, messages: readonly BusMessage[]): void {
    const { link } = this.#tether;
    if (!link || this.#backlog > BACKLOG_LIMIT) return this.#dropped(messages.length);
    const payload = payloadOf(this.#options.server, messages);
    this.#backlog += payload.length;
    // The client writes everything that one turn gave it at once.
    link
      .publish(link.prefix + topic, payload)
      .catch(() => this.#dropped(messages.length))
      .finally(() => {
        this.#backlog -= payload.length;
      });
  }

  #dropped(messages: number): void {
    this.#options.count('bus_dropped_total', messages);
  }

  async #open(lost: (error: Error) => void): Promise<SpacedLink> {
    const { url, server, space } = this.#options;
    const present = space();
    const prefix = `${FORM}/${present}/`;
    const heard = (payload: string, channel: string) => this.#heard(payload, channel.slice(prefix.length));
    const link = await openRedisLink({ url, beat: `${prefix}beat/${server}`, heard, lost });
    return {
      ...link,
      prefix,
      async beat() {
        if (space() !== present) throw new Error('the database has begun another epoch');
        await link.beat();
      },
    };
  }

  #heard(payload: string, topic: string): void {
    try {
      this.#local.publish(messagesIn(payload, topic, this.#options.server));
    } catch {
      this.#options.count('bus_unreadable_total');
    }
  }

  #join(topic: string): void {
    if (!this.#leaving.delete(topic)) this.#joining.add(topic);
    this.#changeLater();
  }

  #leave(topic: string): void {
    if (!this.#joining.delete(topic)) this.#leaving.add(topic);
    this.#changeLater();
  }

  #changeLater(): void {
    if (this.#changing) return;
    this.#changing = true;
    queueMicrotask(() => void this.#change());
  }

  /** Tells Redis what is followed now. What happened before it knew may have been missed. */
  async #change(): Promise<void> {
    while (this.#tether.link && this.#joining.size + this.#leaving.size > 0) {
      const { link } = this.#tether;
      const channelOf = (topic: string) => link.prefix + topic;
      const joining = [...this.#joining].map(channelOf);
      const leaving = [...this.#leaving].map(channelOf);
      this.#joining.clear();
      this.#leaving.clear();
      try {
        if (leaving.length > 0) await link.unsubscribe(leaving);
        if (joining.length > 0) await link.subscribe(joining);
      } catch {
        // Where the connection is gone, the next one begins with everything that is followed.
        this.#options.count('bus_subscribe_failures_total');
        continue;
      }
      if (joining.length > 0) this.#local.publish([{ kind: 'wake', topic: topics.wake }]);
    }
    this.#changing = false;
  }
}

/** Without the password. */
function hostOf(url: string): string {
  return URL.parse(url)?.host ?? url;
}

/** Node tells of a name with several addresses by a code alone. */
function reasonOf(error: Error & { code?: string }): string {
  return error.message || error.code || error.name;
}
