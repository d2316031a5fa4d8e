export type { Clock } from '@millrace/protocol/clock';
export type { CreateRun, WorkflowDefinition } from '@millrace/protocol/command';
export { MillraceError } from '@millrace/protocol/error-code';
export type { RunEvent } from '@millrace/protocol/event';
export type { ListQuery, RunCommand, RunFilter } from '@millrace/protocol/frame';
export type { GraphNode } from '@millrace/protocol/graph';
export type { BlobRef, Json } from '@millrace/protocol/json';
export type {
  AgentMessage,
  ContentView,
  ControlView,
  DocumentView,
  FileView,
  LogLine,
  NodeView,
  RunSummary,
  RunView,
  StepView,
  ToolCall,
  WaitView,
} from '@millrace/protocol/view';
export { type AgentStream, AgentStreamStore } from './agent-stream.ts';
export type {
  Api,
  CommandAnswer,
  EventPageQuery,
  Health,
  InboxItem,
  InboxQuery,
  KnowledgeBase,
  KnowledgeDocument,
  RunDetail,
} from './api.ts';
export { type Client, type ClientOptions, createClient } from './client.ts';
export type { CommandQueue, PendingCommand } from './command-queue.ts';
export type { Commands } from './commands.ts';
export type { ConnectionSnapshot, ConnectionStore } from './connection.ts';
export { type ConnectionQuality, type MeasuredConnection, measuredConnection } from './connection-quality.ts';
export type { ConnectionState } from './connection-state.ts';
export { type EventsSnapshot, EventWindow } from './event-window.ts';
export { type InboxStore, inboxStore } from './inbox.ts';
export { type KnowledgeBaseStore, knowledgeBaseStore, type LiveDocument } from './knowledge-base.ts';
export type { ListSnapshot, ListStore } from './list-store.ts';
export type { Policy } from './policy.ts';
export type { ReadSnapshot } from './read-store.ts';
export type { RunSnapshot, RunStore } from './run-store.ts';
export type { Store } from './store.ts';
export type { Continuity } from './subscription.ts';
