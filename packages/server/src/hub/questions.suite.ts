import type { Store } from '../store/store.ts';

/** What a store was asked and has yet to answer. */
export class Questions {
  readonly #open = new Set<Promise<unknown>>();

  constructor(store: Store) {
    for (const name of methodsOf(store)) {
      const method = Reflect.get(store, name) as (...args: unknown[]) => unknown;
      Reflect.set(store, name, (...args: unknown[]) => this.#noted(method.apply(store, args)));
    }
  }

  /** Resolves once nothing has been asked for a few turns: what follows from the last answer has happened. */
  async settled(): Promise<void> {
    for (let turns = 0; turns < 3; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#open.size === 0) continue;
      await Promise.allSettled(this.#open);
      turns = -1;
    }
  }

  #noted(answer: unknown): unknown {
    if (!(answer instanceof Promise)) return answer;
    const over = () => this.#open.delete(answer);
    this.#open.add(answer);
    answer.then(over, over);
    return answer;
  }
}

function methodsOf(store: Store): string[] {
  const names = new Set<string>();
  for (
    let level: object = Object.getPrototypeOf(store);
    level !== Object.prototype;
    level = Object.getPrototypeOf(level)
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level)))
      if (typeof value === 'function' && name !== 'constructor') names.add(name);
  }
  return [...names];
}
