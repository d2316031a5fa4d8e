import { unreachable } from './problem.ts';

/** What is made when it is first needed, of code that is fetched for it. Rejects with `unreachable`; the next call tries again. */
export function lazy<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw unreachable(String(error));
    });
    return made;
  };
}
