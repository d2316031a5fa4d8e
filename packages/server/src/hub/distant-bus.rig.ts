import { createClient } from 'redis';
import { type Bus, type BusMessage, topics } from '../bus/bus.ts';
import { openRedisBus, type RedisBus } from '../bus/bus-redis.ts';
import { systemClock } from '../clock.ts';
import { until } from '../store/store-factory.suite.ts';

type Redis = Awaited<ReturnType<typeof connected>>;
const connected = (url: string) => createClient({ url }).connect();

const echo: BusMessage = { kind: 'work', topic: topics.work('echo'), tenant: 'echo' };

/** What is published at one server is heard at another, by a real Redis. */
export class DistantBus implements Bus {
  readonly #here: RedisBus;
  readonly #there: RedisBus;
  readonly #redis: Redis;
  readonly #space: string;
  /** topics that are followed here: by how many, and whether Redis is known to hold them */
  readonly #followed = new Map<string, { listeners: number; held: boolean }>();
  /** called one by one, as what they wait for comes back */
  readonly #echoes: (() => void)[] = [];

  private constructor(here: RedisBus, there: RedisBus, redis: Redis, space: string) {
    this.#here = here;
    this.#there = there;
    this.#redis = redis;
    this.#space = space;
    this.subscribe(echo.topic, () => this.#echoes.shift()?.());
  }

  static async open(url: string, space: string): Promise<DistantBus> {
    const open = (server: string) =>
      openRedisBus({ url, space: () => space, server, clock: systemClock, random: () => 0, count: () => undefined });
    return new DistantBus(await open('here'), await open('there'), await connected(url), space);
  }

  publish(messages: readonly BusMessage[]): void {
    this.#there.publish(messages);
  }

  subscribe(topic: string, listener: (message: BusMessage) => void): () => void {
    const follows = this.#followed.get(topic) ?? { listeners: 0, held: topic === topics.wake };
    this.#followed.set(topic, follows);
    follows.listeners += 1;
    const end = this.#here.subscribe(topic, listener);
    return () => {
      end();
      follows.listeners -= 1;
      if (follows.listeners === 0 && this.#followed.get(topic) === follows) this.#followed.delete(topic);
    };
  }

  /** Resolves when Redis holds all that is followed here, and all that was published has been heard. */
  async arrived(): Promise<void> {
    await until(() => this.#hold());
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#echoes.push(resolve);
    this.#there.publish([echo]);
    await promise;
  }

  async close(): Promise<void> {
    await this.#here.close();
    await this.#there.close();
    this.#redis.destroy();
  }

  async #hold(): Promise<void> {
    const wanted = [...this.#followed].filter(([, { held }]) => !held);
    if (wanted.length === 0) return;
    const names = await this.#redis.pubSubChannels(`*/${this.#space}/*`);
    for (const [topic, follows] of wanted) {
      follows.held = names.some((name) => name.endsWith(`/${this.#space}/${topic}`));
      if (!follows.held && follows.listeners > 0) throw new Error(`Redis does not hold ${topic} yet.`);
    }
  }
}
