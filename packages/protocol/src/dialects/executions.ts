import type { EventOf, LogLevel, RunEvent } from '../event.ts';
import type { BlobRef, Json } from '../json.ts';
import type { NodeState } from '../node.ts';
import type { PublicStatus, RunState, StatusDetail } from '../run.ts';
import { type NodeView, publicStatus, type RunView } from '../view.ts';
import type { Dialect, Message } from './dialect.ts';
import { fields, isoTime, messageId } from './fields.ts';
import { movedNodes, runMovedTo } from './moved-nodes.ts';

/** The seed's four words, for executions and nodes alike. */
export type ExecutionWord = 'pending' | 'running' | 'completed' | 'failed';

export interface ExecutionStatus {
  executionId: string;
  status: ExecutionWord;
  timestamp?: string;
  /** the status as it is */
  state?: PublicStatus;
  detail?: StatusDetail;
}

export interface ExecutionLog {
  executionId: string;
  log: {
    /** stable: the same over resends */
    id: string;
    nodeId?: string;
    level: 'info' | 'warning' | 'error';
    message: string;
    metadata?: Json;
    /** ISO 8601, UTC */
    createdAt: string;
    /** a newer attempt of its node has retracted it */
    superseded?: true;
  };
}

export interface ExecutionResult {
  executionId: string;
  result: Json | BlobRef;
  id?: string;
  timestamp?: string;
}

export interface ExecutionError {
  executionId: string;
  error: string;
  id?: string;
  timestamp?: string;
  code?: string;
  nodeId?: string;
}

export interface ExecutionNodeStatus {
  executionId: string;
  nodeId: string;
  status: ExecutionWord;
  output?: Json | BlobRef;
  /** the status as it is */
  state?: NodeState;
  error?: string;
  attempt?: number;
  timestamp?: string;
}

/** How the server answers a subscription, where the client gave a callback. */
export type SubscriptionAnswer = { ok: true } | { error: string; code?: string };

/** For `Socket<ServerToClientEvents, ClientToServerEvents>` of socket.io-client. */
export interface ServerToClientEvents {
  status: (status: ExecutionStatus) => void;
  log: (log: ExecutionLog) => void;
  result: (result: ExecutionResult) => void;
  error: (error: ExecutionError) => void;
  nodeStatus: (status: ExecutionNodeStatus) => void;
}

export interface ClientToServerEvents {
  subscribe: (executionId: string, answer?: (answer: SubscriptionAnswer) => void) => void;
  unsubscribe: (executionId: string, answer?: (answer: SubscriptionAnswer) => void) => void;
}

/** A word for every state of a run. */
export const executionWords: Record<RunState, ExecutionWord> = {
  created: 'pending',
  running: 'running',
  paused: 'running',
  stopping: 'running',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'failed',
};

/** A word for every state of a node. */
export const executionNodeWords: Record<NodeState, ExecutionWord> = {
  pending: 'pending',
  queued: 'pending',
  running: 'running',
  waiting: 'running',
  retrying: 'running',
  completed: 'completed',
  failed: 'failed',
  skipped: 'completed',
  cancelled: 'failed',
};

/** Seed 002: Socket.IO, namespace `/executions`. */
export const executions: Dialect = {
  name: 'executions',
  messages(view, event) {
    const messages: Message[] = [];
    if (event.type === 'log' || event.type === 'error') messages.push(logMessage(view.run, lineOf(event)));
    for (const { node } of movedNodes(view, event)) messages.push(nodeMessage(view, node, event.at));
    if (runMovedTo(view, event) !== undefined) messages.push(statusMessage(view, event.at), ...ending(view, event));
    return messages;
  },
  /** Status, node statuses, the log lines that the view holds (its newest; `logs.total` counts all), and how it ended. */
  state(view) {
    const { control, content } = view;
    const at = control.endedAt ?? view.at;
    const ended = { seq: control.endedSeq ?? view.seq, at };
    return [
      statusMessage(view, at),
      ...Object.values(control.nodes).map((node) => nodeMessage(view, node, view.at)),
      ...content.logs.lines.map((line) => logMessage(view.run, line)),
      ...ending(view, ended),
    ];
  },
};

function statusMessage({ run, control }: RunView, at: number): Message {
  const { status, detail } = publicStatus(control);
  const word = executionWords[control.status];
  return {
    event: 'status',
    data: fields({ executionId: run, status: word, timestamp: isoTime(at), state: status, detail }),
  };
}

function nodeMessage({ run }: RunView, node: NodeView, at: number): Message {
  const { id, status, attempt } = node;
  return {
    event: 'nodeStatus',
    data: fields({
      executionId: run,
      nodeId: id,
      status: executionNodeWords[status],
      output: status === 'completed' ? node.output : undefined,
      state: status,
      error: status === 'failed' || status === 'retrying' ? node.error?.message : undefined,
      attempt: attempt === 0 ? undefined : attempt,
      timestamp: isoTime(at),
    }),
  };
}

type Line = Pick<RunEvent, 'seq' | 'at' | 'node'> & {
  level: LogLevel;
  message: string;
  metadata?: Json;
  superseded?: true;
};

/** Something that went wrong while the run goes on is a line of its log: an `error` here ends the execution. */
function lineOf({ seq, at, node, ...event }: EventOf<'log' | 'error'>): Line {
  const place = { seq, at, ...(node !== undefined && { node }) };
  if (event.type === 'log') return { ...place, ...event.data };
  return { ...place, level: 'error', message: event.data.message, metadata: { code: event.data.code } };
}

function logMessage(run: string, { seq, at, node, level, message, metadata, superseded }: Line): Message {
  const log = fields({
    id: messageId(run, seq),
    nodeId: node,
    level: level === 'debug' ? 'info' : level,
    message,
    metadata: level === 'debug' ? withLevel(metadata, level) : metadata,
    createdAt: isoTime(at),
    superseded,
  });
  return { event: 'log', data: { executionId: run, log } };
}

function withLevel(metadata: Json | undefined, level: LogLevel): Json {
  if (metadata === undefined) return { level };
  return typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)
    ? { ...metadata, level }
    : { level, value: metadata };
}

/** How an execution ended, if it has. */
function ending({ run, control }: RunView, { seq, at }: Pick<RunEvent, 'seq' | 'at'>): Message[] {
  const about = { executionId: run, id: messageId(run, seq), timestamp: isoTime(at) };
  switch (control.status) {
    case 'completed':
      return [{ event: 'result', data: fields({ ...about, result: control.output ?? null }) }];
    case 'failed': {
      const { message = 'The execution failed.', code, node } = control.error ?? {};
      return [{ event: 'error', data: fields({ ...about, error: message, code, nodeId: node }) }];
    }
    case 'cancelled': {
      const error = control.reason ? `The execution was cancelled: ${control.reason}` : 'The execution was cancelled.';
      return [{ event: 'error', data: fields({ ...about, error, code: 'cancelled' }) }];
    }
    default:
      return [];
  }
}
