import type { Inspector } from './tcp-proxy.ts';

/** One transaction's end as it goes to Postgres: the word itself, or the call of a function that is all of it. */
const COMMIT = /\bCOMMIT\0|\bcommit_\d+\(/i;
/** The message that ends a statement with parameters. */
const SYNC = Buffer.from([0x53, 0, 0, 0, 4]);

/** Lets a commit go out to Postgres and keeps its reply from the server: it cannot know whether it was written. */
export class CommitCutter {
  #waiting: PromiseWithResolvers<void>[] = [];

  /** Resolves when the next commit has gone out and its connection is cut. */
  next(): Promise<void> {
    const one = Promise.withResolvers<void>();
    this.#waiting.push(one);
    return one.promise;
  }

  /** For one connection. */
  readonly inspect = (): Inspector => {
    let cutting: PromiseWithResolvers<void> | undefined;
    return (chunk, from) => {
      if (from === 'server') return 'pass';
      if (!cutting && this.#waiting.length > 0 && COMMIT.test(chunk.toString('latin1')))
        cutting = this.#waiting.shift();
      // A statement may come in several pieces; half of one is not carried out.
      if (!cutting || !(chunk.subarray(-SYNC.length).equals(SYNC) || chunk[0] === 0x51)) return 'pass';
      cutting.resolve();
      return 'cut';
    };
  };
}
