import type { RetryPolicy } from '@millrace/protocol';
import type { TaskContext } from './context.ts';
import type { Schema } from './schema.ts';

export type Handler<I, O> = (ctx: TaskContext, input: I) => Promise<O> | O;

export interface TaskOptions<I> {
  /** a later attempt goes to a worker that accepts the version it began with */
  version?: string;
  /** checks the input before the handler sees it; else the node fails with `input_invalid` and is not retried */
  input?: Schema<I>;
  /** of nodes that do not say otherwise */
  retry?: RetryPolicy;
  /** ms that one attempt may take, of nodes that do not say otherwise */
  timeout?: number;
}

export interface Task<I = unknown, O = unknown> {
  readonly name: string;
  readonly handler: Handler<I, O>;
  readonly options: TaskOptions<I>;
}

/** Any task: what lists of tasks hold. `never` because a handler may demand any input. */
export interface AnyTask {
  readonly name: string;
  readonly handler: Handler<never, unknown>;
  readonly options: TaskOptions<unknown>;
}

/** A named handler. It runs once per attempt of a node; what it does durably, it does through `ctx`. */
export function task<I = unknown, O = unknown>(
  name: string,
  handler: Handler<I, O>,
  options: TaskOptions<I> = {},
): Task<I, O> {
  return { name, handler, options };
}
