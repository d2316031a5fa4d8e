/** The objects that were made for the frame being folded, and may therefore be changed in place. */
export type Fresh = WeakSet<object>;

/** `value` itself where it may be changed (no `fresh`, or already in it), else a shallow copy that may be. */
export function draft<T extends object>(value: T, fresh: Fresh | undefined): T {
  if (!fresh || fresh.has(value)) return value;
  const copy = (Array.isArray(value) ? value.slice() : { ...value }) as T;
  fresh.add(copy);
  return copy;
}

/** The child under `key`, ready to be changed; it is put back into its parent, which must be a draft. */
export function own<P extends object, K extends keyof P>(parent: P, key: K, fresh: Fresh | undefined): P[K] & object {
  const child = draft(parent[key] as P[K] & object, fresh);
  parent[key] = child;
  return child;
}
