export type {
  BlobRef,
  FileFacts,
  GraphNode,
  Json,
  RetryPolicy,
  WorkerLink,
  WorkflowDefinition,
} from '@millrace/protocol';
export { MillraceError } from '@millrace/protocol';
export type { AgentAnswer, AgentOptions, AgentSource, AgentToolCall } from './agent-stream.ts';
export * from './context.ts';
export { ChildFailed, NonRetryable, type StopKind, Stopped } from './errors.ts';
export { createHttpLink, type HttpLinkOptions } from './http-link.ts';
export type { FormSchema, JsonSchema, Schema } from './schema.ts';
export { type AnyTask, type Handler, type Task, type TaskOptions, task } from './task.ts';
export { createWorker, type Worker, type WorkerOptions } from './worker.ts';
export { type NodeSpec, type WorkflowSpec, workflow } from './workflow.ts';
