import type { KbPhase, Lineage } from '../event.ts';
import type { BlobRef, Json } from '../json.ts';
import type { NodeState } from '../node.ts';
import type { PublicStatus, StatusDetail } from '../run.ts';

/** Of every event: its id is the same by whichever room it comes, so that the second delivery can be dropped. */
export interface ChannelEvent {
  /** `RUN:SEQ`, or `RUN:SEQ.n` */
  id: string;
  executionId: string;
  /** ISO 8601, UTC */
  timestamp: string;
}

interface OfExecution extends ChannelEvent {
  workflowId: string;
  /** the status as it is */
  status: PublicStatus;
  detail?: StatusDetail;
}

export interface RetryInfo {
  /** the attempt that failed, from 1 */
  attempt: number;
  willRetry: boolean;
  /** ISO 8601, UTC */
  nextAt?: string;
}

export interface ExecutionContext {
  executionId: string;
  workflowId: string;
  attempt: number;
  lineage?: Lineage;
}

interface OfNode extends ChannelEvent {
  nodeId: string;
  nodeType: string;
  /** the status as it is */
  status: NodeState;
}

interface OfDocument extends ChannelEvent {
  knowledgeBaseId: string;
  documentId: string;
  fileName: string;
}

interface OfAgent extends ChannelEvent {
  agentId: string;
  messageId: string;
  nodeId?: string;
}

/** What each event of seed 003 carries. */
export interface ChannelEvents {
  'execution:started': OfExecution & { startTime: string };
  'execution:updated': OfExecution & {
    currentNode?: string;
    /** of `currentNode` */
    nodeStatus?: NodeState;
    /** percent */
    progress: number;
    currentStep?: string;
  };
  'execution:completed': OfExecution & { outputs: Json | BlobRef; duration: number };
  'execution:failed': OfExecution & {
    error: string;
    code: string;
    failedNode?: string;
    /** of a cancelled one */
    reason?: string;
    duration: number;
  };
  'node:started': OfNode & { context: ExecutionContext };
  'node:completed': OfNode & { outputs: Json | BlobRef; duration: number };
  'node:failed': OfNode & { error: string; code?: string; retry: RetryInfo; duration: number };
  'node:progress': OfNode & { progress: number; currentStep?: string };
  'user_input:required': ChannelEvent & {
    inputId: string;
    nodeId?: string;
    prompt: string;
    /** `type` of the schema; `any` where it names none */
    expectedType: string;
    /** JSON Schema of the answer; `{}` allows anything */
    validationRules: Json;
    timeoutAt?: string;
    default?: Json;
  };
  'user_input:timeout': ChannelEvent & {
    inputId: string;
    nodeId?: string;
    /** ms that were waited */
    timeout: number;
    /** the execution's status */
    state: PublicStatus;
    /** what was taken instead of an answer */
    value?: Json;
  };
  'kb:upload_started': OfDocument & { fileSize?: number };
  'kb:processing': OfDocument & {
    progress: number;
    currentStep: 'extraction' | 'chunking' | 'embedding';
    /** the step as it is */
    phase: KbPhase;
    chunkCount?: number;
    embeddingCount?: number;
  };
  'kb:upload_completed': OfDocument & { chunkCount: number; embeddingCount: number };
  'kb:upload_failed': OfDocument & {
    error: string;
    failedStep: 'extraction' | 'chunking' | 'embedding';
    phase: KbPhase;
  };
  'agent:streaming_start': OfAgent & { model?: string };
  /** `cumulativeResponse`: the response so far; its newest part where `truncated` */
  'agent:token': OfAgent & { token: string; cumulativeResponse: string; truncated?: true };
  'agent:streaming_end': OfAgent & {
    fullResponse: string;
    tokenCount?: number;
    finish?: string;
    truncated?: true;
  };
  'agent:tool_call': OfAgent & {
    callId: string;
    toolName: string;
    arguments: Json;
    status: 'running' | 'completed' | 'failed';
    result?: Json | BlobRef;
    error?: string;
  };
}

export type ChannelEventName = keyof ChannelEvents;

/** How the server answers, where the client gave a callback. */
export type ChannelAnswer = { ok: true } | { error: string; code?: string; errors?: Json };

/** For `Socket<ServerToClientEvents, ClientToServerEvents>` of socket.io-client. */
export type ServerToClientEvents = {
  [E in ChannelEventName]: (event: ChannelEvents[E]) => void;
} & { error: (error: { executionId?: string; error: string; code?: string }) => void };

export interface ClientToServerEvents {
  /** `after`: the last seq or cursor that was seen; without it the log from its beginning */
  subscribe: (
    channel: string,
    ...rest:
      | [answer?: (answer: ChannelAnswer) => void]
      | [options: { after?: number | string }, answer?: (answer: ChannelAnswer) => void]
  ) => void;
  unsubscribe: (channel: string, answer?: (answer: ChannelAnswer) => void) => void;
  'user_input:provide': (
    /** without `inputId` the one input that the execution, or its node, waits for */
    input: { executionId: string; inputId?: string; nodeId?: string; value: Json },
    answer?: (answer: ChannelAnswer) => void,
  ) => void;
}
