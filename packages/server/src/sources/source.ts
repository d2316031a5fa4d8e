import { type Clock, MillraceError } from '@millrace/protocol';

/**
 * Brings what other systems tell of their jobs into our logs. What an event becomes is decided by the protocol's pure
 * mappings; that it is written once, by the engine's producers. A source is no part of a run: where it is away, runs go
 * on, and what was told meanwhile comes in when it is back, where it was kept.
 */
export interface Source {
  /** Why nothing comes in at present, and what to do; undefined = it does. */
  trouble(): string | undefined;
  /** Resolves when what is being written is written. */
  close(): Promise<void>;
}

/** What a source counts and logs. */
export interface SourceReport {
  /** What will never be taken, and why. */
  refused(what: string, error: unknown): void;
  /** Messages of a producer that never came, or were refused. */
  skipped(messages: number): void;
  /** Nothing comes in any more, and what to do; told once until it does again. */
  lost(trouble: string): void;
  /** What could not be written now and will be tried again. */
  delayed(error: unknown): void;
}

/** Whether the same would be refused for ever; else the store or the server is in trouble. */
export function isRefusal(error: unknown): error is MillraceError {
  return error instanceof MillraceError && error.row.http < 500;
}

/** Resolves after `ms`, or as soon as `signal` aborts. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal?.addEventListener('abort', done);
  });
}
