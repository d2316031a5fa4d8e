import { MillraceError, type RunError } from '@millrace/protocol';

/** Throw it from a task or step whose failure no retry would mend: neither the step nor the node is tried again. */
export class NonRetryable extends Error {
  readonly code: string;

  constructor(message: string, about: { code?: string; cause?: unknown } = {}) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause });
    this.name = 'NonRetryable';
    this.code = about.code ?? 'task_failed';
  }
}

/** What `ctx.run` rejects with when the child run did not complete. The same call would reject again, so nothing retries it. */
export class ChildFailed extends MillraceError {
  /** the child run's id */
  readonly run: string;
  readonly outcome: 'failed' | 'cancelled';
  /** the child run's own error, where it failed */
  readonly error: RunError | undefined;

  constructor(child: { run: string; workflow: string; outcome: 'failed' | 'cancelled'; error?: RunError }) {
    const { run, workflow, outcome, error } = child;
    super('child_failed', {
      detail: `The child run ${run} of "${workflow}" ${outcome === 'failed' ? 'failed' : 'was cancelled'}${error ? `: ${error.message}` : '.'}`,
      facts: { run, outcome, ...(error ? { error } : {}) },
    });
    this.name = 'ChildFailed';
    this.run = run;
    this.outcome = outcome;
    this.error = error;
  }
}

/**
 * Why an attempt is told to stop:
 * `pause`, `cancel` = a user's command, `timeout` = the node's time limit, `lost` = the lease is gone and nothing is
 * accepted any more, `parked` = only waits were left, `draining` = this worker shuts down.
 */
export type StopKind = 'pause' | 'cancel' | 'timeout' | 'lost' | 'parked' | 'draining';

/** The reason of an aborted `ctx.signal`. Its name is AbortError, as libraries that take a signal expect. */
export class Stopped extends Error {
  readonly kind: StopKind;

  constructor(kind: StopKind, reason?: string) {
    super(reason ?? `The attempt was told to stop: ${kind}.`);
    this.name = 'AbortError';
    this.kind = kind;
  }
}

/** bytes of a stack that are kept in the log */
const STACK_LIMIT = 4_000;

/** What a thrown value is in the log. `code` is for errors that bring none of ours. */
export function toRunError(thrown: unknown, code: 'task_failed' | 'step_failed' = 'task_failed'): RunError {
  if (!(thrown instanceof Error)) return { code, message: typeof thrown === 'string' ? thrown : describe(thrown) };
  const known = thrown instanceof MillraceError || thrown instanceof NonRetryable ? thrown.code : code;
  return {
    code: known,
    message: thrown.message || thrown.name,
    ...(isFinal(thrown) ? { retryable: false } : {}),
    ...(thrown.stack === undefined ? {} : { stack: thrown.stack.slice(0, STACK_LIMIT) }),
  };
}

function describe(thrown: unknown): string {
  try {
    return JSON.stringify(thrown) ?? String(thrown);
  } catch {
    return String(thrown);
  }
}

/** Whether the same work would fail the same way again. */
export function isFinal(thrown: unknown): boolean {
  return thrown instanceof NonRetryable || (thrown instanceof MillraceError && !thrown.row.retry);
}
