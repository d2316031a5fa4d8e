import type { EventOf, EventType, RunError, RunEvent } from '../event.ts';
import type { BlobRef, Json } from '../json.ts';
import { isNodeEnded } from '../node.ts';
import type { PublicStatus, RunState, StatusDetail } from '../run.ts';
import { type ContentView, type ControlView, publicStatus, type RunSummary, type RunView } from '../view.ts';
import type { Dialect, Message } from './dialect.ts';
import { type Fields, fields, isoTime } from './fields.ts';
import { runMovedTo } from './moved-nodes.ts';
import { currentStepOf, progressOf, shareOf } from './run-progress.ts';

/** Of every event. A job's events have strictly growing `seq`: what is not greater than the last was seen already. */
export interface JobEvent {
  jobId: string;
  seq: number;
  /** ISO 8601, UTC */
  timestamp: string;
}

interface OfState extends JobEvent {
  state: PublicStatus;
  detail?: StatusDetail;
}

/** What each event of seed 004 carries. */
export interface JobEvents {
  'job:started': OfState & { type: string };
  'job:progress': OfState & {
    /** percent */
    progress: number;
    /** the label of what goes on */
    step?: string;
    nodeId?: string;
  };
  'job:step': JobEvent & {
    step: string;
    key?: string;
    nodeId?: string;
    status: 'running' | 'completed' | 'failed';
    progress?: number;
    message?: string;
    output?: Json | BlobRef;
    error?: string;
    /** ms */
    duration?: number;
  };
  /** a piece of the response; a turn's pieces of one message are one */
  'job:chunk': JobEvent & { chunk: string; messageId: string; agentId: string; nodeId?: string };
  'job:paused': OfState & { reason?: string };
  'job:resumed': OfState & { reason?: string };
  'job:completed': OfState & { result: Json | BlobRef; durationMs: number };
  'job:failed': OfState & { error: string; code: string; nodeId?: string; durationMs: number };
  'job:cancelled': OfState & { reason?: string; durationMs: number };
}

export type JobEventName = keyof JobEvents;
export type JobAnswer = { ok: true } | { error: string; code?: string };

/** For `Socket<ServerToClientEvents, ClientToServerEvents>` of socket.io-client. */
export type ServerToClientEvents = { [E in JobEventName]: (event: JobEvents[E]) => void } & {
  error: (error: { jobId?: string; error: string; code?: string }) => void;
};

export interface ClientToServerEvents {
  /** `after`: the last seq or cursor that was seen; without it the log from its beginning */
  subscribe: (
    channel: string,
    ...rest:
      | [answer?: (answer: JobAnswer) => void]
      | [options: { after?: number | string }, answer?: (answer: JobAnswer) => void]
  ) => void;
  unsubscribe: (channel: string, answer?: (answer: JobAnswer) => void) => void;
}

/** The seed's word for every state of a run; what `stopping` is about to become stands in `detail`. */
export const jobWords: Record<RunState, PublicStatus> = {
  created: 'created',
  running: 'running',
  paused: 'paused',
  stopping: 'running',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
};

/**
 * Seed 004: Socket.IO, rooms `job:{jobId}`. An event says at most one message, and no two are joined: its clients drop
 * what has an old seq, and nothing else.
 */
export const jobs: Dialect = {
  name: 'jobs',
  messages(view, event) {
    const said = runMoved(view, event) ?? content(view, event);
    return said ? [message(view, said, event)] : [];
  },
  /** One message with all that stands: its state and result where it has ended, else how far it has got. */
  state: (view) => [message(view, ended(view) ?? progress(view), view)],
};

type Said = readonly [JobEventName, Fields];

function message({ run }: RunView, [event, data]: Said, { seq, at }: Pick<RunEvent, 'seq' | 'at'>): Message {
  return { event, data: { jobId: run, seq, timestamp: isoTime(at), ...data } };
}

function runMoved(view: RunView, event: RunEvent): Said | undefined {
  const { control } = view;
  const to = runMovedTo(view, event);
  if (to === undefined) return undefined;
  const reason = (event.data as { reason?: string }).reason;
  switch (to) {
    case 'created':
      return undefined;
    case 'running':
      if (event.type === 'run.resumed') return ['job:resumed', fields({ ...stateOf(view), reason })];
      return ['job:started', fields({ ...stateOf(view), type: control.workflow })];
    case 'paused':
      return ['job:paused', fields({ ...stateOf(view), reason })];
    case 'stopping':
      return progress(view);
    default:
      return ended(view, (event.data as { duration?: number }).duration);
  }
}

/** `told`: ms that it took, where its end says so. */
function ended(view: RunView, told?: number): Said | undefined {
  const { control } = view;
  const durationMs = told ?? (control.endedAt ?? view.at) - control.createdAt;
  switch (control.status) {
    case 'completed':
      return ['job:completed', fields({ ...stateOf(view), result: control.output ?? null, durationMs })];
    case 'failed': {
      const { message: error = 'The job failed.', code = 'internal', node } = control.error ?? {};
      return ['job:failed', fields({ ...stateOf(view), error, code, nodeId: node, durationMs })];
    }
    case 'cancelled':
      return ['job:cancelled', fields({ ...stateOf(view), reason: control.reason, durationMs })];
    default:
      return undefined;
  }
}

function content(view: RunView, event: RunEvent): Said | undefined {
  switch (event.type) {
    case 'run.progress':
      return progress(view, event.data.message);
    case 'node.progress':
      return progress(view, event.data.message, event.node);
    case 'step.started':
    case 'step.progress':
    case 'step.completed':
    case 'step.failed':
      return ['job:step', stepOf(event)];
    case 'agent.token': {
      const { agentId, messageId, text } = event.data;
      return ['job:chunk', fields({ chunk: text, messageId, agentId, nodeId: event.node })];
    }
    default: {
      const node = view.control.nodes[event.node ?? ''];
      const isOver = node?.endedSeq === event.seq && isNodeEnded(node.status) && view.control.graph.length > 1;
      return isOver ? progress(view) : undefined;
    }
  }
}

function stateOf({ control }: { control: ControlView }): { state: PublicStatus; detail?: StatusDetail } {
  const { detail } = publicStatus(control);
  return { state: jobWords[control.status], ...(detail && { detail }) };
}

function progress(view: RunView, step = view.content.message, nodeId?: string): Said {
  return ['job:progress', fields({ ...stateOf(view), progress: progressOf(view), step, nodeId })];
}

const stepStatus = {
  'step.started': 'running',
  'step.progress': 'running',
  'step.completed': 'completed',
  'step.failed': 'failed',
} as const;

function stepOf({ type, node, data }: EventOf<Extract<EventType, `step.${string}`>>): Fields {
  const { name, error, ...told } = data as { name: string; error?: RunError };
  return fields({ ...told, step: name, nodeId: node, status: stepStatus[type], error: error?.message });
}

/** A job as seed 004's REST shows it: GET /api/jobs/:jobId, and a row of GET /api/jobs. */
export interface Job {
  id: string;
  /** the same */
  jobId: string;
  /** the workflow's name */
  type: string;
  state: PublicStatus;
  detail?: StatusDetail;
  /** percent */
  progress: number;
  /** the newest label that its progress told */
  currentStep?: string;
  input?: Json | BlobRef;
  result?: Json | BlobRef;
  error?: { code: string; message: string; node?: string };
  reason?: string;
  userId?: string;
  /** ISO 8601, UTC */
  createdAt: string;
  startedAt?: string;
  /** when it completed, failed or was cancelled */
  endedAt?: string;
  updatedAt: string;
  /** of its newest event */
  seq: number;
}

/** A job as it stands. Without the view's content there is no current step, and progress is the share of ended nodes. */
export function jobOf({ run, control, content, seq, at }: Omit<RunView, 'content'> & { content?: ContentView }): Job {
  const { input, output, reason } = control;
  const told = { control, ...(content && { content }) };
  return fields({
    id: run,
    jobId: run,
    type: control.workflow,
    ...stateOf(told),
    progress: progressOf(told),
    currentStep: currentStepOf(told),
    input,
    result: output,
    error: errorOf(control.error),
    reason,
    userId: control.owner,
    ...times({ ...control, updatedAt: at }),
    seq,
  }) as unknown as Job;
}

/** A row of a list: without input, result and step, and its progress is the share of its nodes that have ended. */
export function jobOfSummary(summary: RunSummary): Job {
  const { id, workflow, status, detail, nodes, owner, error, seq } = summary;
  const share = shareOf(nodes.ended, nodes.total);
  return fields({
    id,
    jobId: id,
    type: workflow,
    state: status,
    detail,
    progress: status === 'completed' ? 100 : share,
    error: errorOf(error),
    userId: owner,
    ...times(summary),
    seq,
  }) as unknown as Job;
}

function errorOf(error: RunError | undefined): Job['error'] {
  return error && { code: error.code, message: error.message, ...(error.node !== undefined && { node: error.node }) };
}

function times(of: { createdAt: number; startedAt?: number; endedAt?: number; updatedAt: number }) {
  return {
    createdAt: isoTime(of.createdAt),
    startedAt: of.startedAt === undefined ? undefined : isoTime(of.startedAt),
    endedAt: of.endedAt === undefined ? undefined : isoTime(of.endedAt),
    updatedAt: isoTime(of.updatedAt),
  };
}
