import type { Bus, BusMessage } from './bus.ts';

/** The bus of one process: a message reaches its listeners in the turn that published it, before `publish` returns. */
export class LocalBus implements Bus {
  #listeners = new Map<string, Set<(message: BusMessage) => void>>();

  publish(messages: readonly BusMessage[]): void {
    for (const message of messages) {
      for (const listener of this.#listeners.get(message.topic) ?? []) listener(message);
    }
  }

  subscribe(topic: string, listener: (message: BusMessage) => void): () => void {
    // One function may subscribe twice; each subscription is its own.
    const own = (message: BusMessage) => listener(message);
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(own));
    return () => {
      listeners.delete(own);
      if (listeners.size === 0 && this.#listeners.get(topic) === listeners) this.#listeners.delete(topic);
    };
  }

  follows(topic: string): boolean {
    return this.#listeners.has(topic);
  }

  /** Every topic that somebody listens to. */
  followed(): Iterable<string> {
    return this.#listeners.keys();
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }
}
