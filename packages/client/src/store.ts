/**
 * A value that changes, in the shape that `useSyncExternalStore` and Vue's `shallowRef` both take: what
 * `getSnapshot` returns is immutable and stays the same object until the next change is announced.
 */
export interface Store<T> {
  /** Calls `listener` after every change; the returned function takes that back. */
  subscribe(listener: () => void): () => void;
  getSnapshot(): T;
}

/** The listeners of one store. One that is removed while others are being told is not told any more. */
export class Listeners {
  #listeners = new Set<{ tell: () => void }>();

  get size(): number {
    return this.#listeners.size;
  }

  add(listener: () => void): () => void {
    const entry = { tell: listener };
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  tell(): void {
    for (const listener of this.#listeners) listener.tell();
  }
}
