import type { EventOf, EventType, RunEvent } from '../event.ts';
import type { NodeState } from '../node.ts';
import type { RunState } from '../run.ts';
import { type AgentMessage, type NodeView, publicStatus, type RunView, type WaitView } from '../view.ts';
import { agentMessageOf } from './agent-message.ts';
import type { Dialect, Message } from './dialect.ts';
import { type Fields, fields, isoTime } from './fields.ts';
import { movedNodes, runMovedTo } from './moved-nodes.ts';
import { formatTimePosition } from './position-time.ts';

/** What seed 001 calls a message. Those of a connection are not in the log: {@link connectionMessage} makes them. */
export type RunSocketEvent =
  | ConnectionEvent
  | 'workflow_started'
  | 'workflow_paused'
  | 'workflow_resumed'
  | 'workflow_completed'
  | 'workflow_failed'
  | 'step_started'
  | 'step_progress'
  | 'step_completed'
  | 'step_failed'
  | 'dag_created'
  | 'dag_updated'
  | 'dag_node_status_changed'
  | 'agent_message'
  | 'agent_thinking'
  | 'agent_tool_call'
  | 'approval_requested'
  | 'approval_received'
  | 'cost_update'
  | 'metric_update'
  | 'file_created'
  | 'file_updated';
export type ConnectionEvent = 'connected' | 'disconnected' | 'reconnected' | 'error' | 'heartbeat' | 'pong';

/** One message of the socket, as its JSON text holds it. */
export interface RunSocketMessage {
  event_type: RunSocketEvent;
  /** ISO 8601, UTC; the digits after the ms are the place in the log that a reader of this message has reached */
  timestamp: string;
  run_id: string;
  /** of the event that says it */
  seq: number;
  data: Fields;
}

/** What a client of the socket may send. */
export type RunSocketRequest =
  | { type: 'ping' }
  | { type: 'request_state' }
  | { type: 'pause'; reason?: string }
  | { type: 'resume'; reason?: string }
  | { type: 'approval_response'; approval_id: string; decision: string; comment?: string };

/** The message that tells of each run state; null = none: it is told by what stands beside it. */
export const runSocketRunWords: Record<RunState, RunSocketEvent> = {
  created: 'dag_created',
  running: 'workflow_started',
  paused: 'workflow_paused',
  stopping: 'workflow_started',
  completed: 'workflow_completed',
  failed: 'workflow_failed',
  cancelled: 'workflow_failed',
};

/** `old_status` and `new_status` of each node state: our own words, of which the seed's four are some. */
export const runSocketNodeWords: Record<NodeState, string> = {
  pending: 'pending',
  queued: 'queued',
  running: 'running',
  waiting: 'waiting',
  retrying: 'retrying',
  completed: 'completed',
  failed: 'failed',
  skipped: 'skipped',
  cancelled: 'cancelled',
};

type Told = readonly [RunSocketEvent, Fields];

/** Seed 001: one JSON object per message, on `/ws/{runId}`. */
export const runSocket: Dialect = {
  name: 'run-socket',
  messages(view, event) {
    const told = [...before(view, event), ...nodesOf(view, event), ...after(view, event)];
    const last = told.length - 1;
    // A reader that was cut off between two of them has not read the event: it is given all of them again.
    return told.map(([name, data], place) =>
      message(view.run, name, event.at, event.seq, place === last ? event.seq : event.seq - 1, data),
    );
  },
  state: (view) => currentState(view),
};

/**
 * What a run's present state says: the graph with its states, the run's own, open approvals and the cost so far.
 * `reached` is the seq up to which the reader has read the log, where that is less than the view's.
 */
export function currentState(view: RunView, reached: number = view.seq): readonly Message[] {
  const { control } = view;
  const told: Told[] = [['dag_created', { ...graphOf(view, ({ status }) => status), current: true }]];
  if (control.status !== 'created') told.push([runSocketRunWords[control.status], { ...runData(view), current: true }]);
  if (control.openWaits > 0) {
    for (const wait of Object.values(control.waits)) {
      if (wait.status === 'open' && wait.kind === 'approval') told.push(['approval_requested', approvalOf(wait)]);
    }
  }
  if (hasCost(view)) told.push(['cost_update', costOf(view)]);
  return told.map(([name, data]) => message(view.run, name, view.at, view.seq, reached, data));
}

/**
 * A message about one connection rather than the run. `at` is the server's time, `reached` the seq of the last event
 * whose messages have all been sent on this connection: a client may come back with this timestamp as with any other.
 */
export function connectionMessage(
  name: ConnectionEvent,
  run: string,
  at: number,
  reached: number,
  data: Fields = {},
): Message {
  return message(run, name, at, reached, reached, data);
}

function message(run: string, name: RunSocketEvent, at: number, seq: number, reached: number, data: Fields): Message {
  const whole = { event_type: name, timestamp: formatTimePosition(at, reached), run_id: run, seq, data };
  return { event: name, data: whole satisfies RunSocketMessage };
}

/** What comes before the nodes that an event moves: the graph, and the start that it implies. */
function before(view: RunView, event: RunEvent): Told[] {
  switch (event.type) {
    case 'run.created':
      return [['dag_created', graphOf(view, () => 'pending')]];
    case 'graph.updated':
      return [...startOf(view, event), ['dag_updated', graphOf(view, statusBefore(view, event))]];
    default:
      return startOf(view, event);
  }
}

/** Written or implied. */
function startOf(view: RunView, event: RunEvent): Told[] {
  return view.control.startedSeq === event.seq ? [['workflow_started', runData(view)]] : [];
}

function nodesOf(view: RunView, event: RunEvent): Told[] {
  return movedNodes(view, event).map(({ node, from, to }) => [
    'dag_node_status_changed',
    fields({
      node_id: node.id,
      old_status: runSocketNodeWords[from],
      new_status: runSocketNodeWords[to],
      error: to === 'failed' || to === 'retrying' ? node.error?.message : undefined,
      reason: to === 'skipped' || to === 'cancelled' ? node.reason : undefined,
      attempt: node.attempt === 0 ? undefined : node.attempt,
      output: to === 'completed' ? node.output : undefined,
      next_at: to === 'retrying' && node.nextAt !== undefined ? isoTime(node.nextAt) : undefined,
      parent: node.parent,
    }),
  ]);
}

function statusBefore(view: RunView, event: RunEvent): (node: NodeView) => NodeState {
  const moved = new Map(movedNodes(view, event).map(({ node, from }) => [node.id, from]));
  return ({ id, status }) => moved.get(id) ?? status;
}

function after(view: RunView, event: RunEvent): Told[] {
  const place = { node_id: event.node, step: event.step };
  switch (event.type) {
    case 'run.paused':
    case 'run.resumed':
    case 'run.completed':
    case 'run.failed':
    case 'run.cancelled':
      if (runMovedTo(view, event) === undefined) return [];
      return [
        [
          event.type === 'run.resumed' ? 'workflow_resumed' : runSocketRunWords[view.control.status],
          { ...runData(view), ...fields(runMove(event)) },
        ],
      ];
    case 'step.started':
      return [['step_started', stepOf(event)]];
    case 'step.progress':
      return [['step_progress', stepOf(event)]];
    case 'step.completed':
      return [['step_completed', stepOf(event)]];
    case 'step.failed':
      return [['step_failed', stepOf(event)]];
    case 'agent.message': {
      const { agentId, messageId, role, text } = event.data;
      return [['agent_message', fields({ agent: agentId, message_id: messageId, role, message: text, ...place })]];
    }
    case 'agent.completed': {
      const said = agentMessageOf(view, event);
      const message = event.data.text ?? said?.text ?? '';
      return [['agent_message', fields({ ...speaker(event), role: 'assistant', message, ...ending(said), ...place })]];
    }
    case 'agent.thinking':
      return [['agent_thinking', fields({ ...speaker(event), message: event.data.text, ...place })]];
    case 'agent.tool_call':
    case 'agent.tool_result':
      return [['agent_tool_call', toolOf(view, event)]];
    case 'approval.requested': {
      const wait = view.control.waits[event.data.approvalId];
      return wait ? [['approval_requested', approvalOf(wait)]] : [];
    }
    case 'approval.resolved': {
      const { approvalId, decision, comment } = event.data;
      return [['approval_received', fields({ approval_id: approvalId, decision, comment, by: event.by, ...place })]];
    }
    case 'usage': {
      const { model, inputTokens, outputTokens, cost } = event.data;
      const spent = { model, input_tokens: inputTokens, output_tokens: outputTokens, ...place };
      return [
        ['cost_update', { ...fields({ ...spent, cost: cost?.amount, currency: cost?.currency }), ...costOf(view) }],
      ];
    }
    case 'metric':
      return [['metric_update', fields({ ...event.data, ...place })]];
    case 'file.created':
      return [['file_created', fields({ ...event.data, ...place })]];
    case 'file.updated':
      return [['file_updated', fields({ ...event.data, ...place })]];
    case 'error':
      return [['error', fields({ ...event.data, ...place })]];
    default:
      return [];
  }
}

/** What each run message tells of the run. */
function runData(view: RunView): Fields {
  const { control } = view;
  const { status, detail } = publicStatus(control);
  const ended = status === 'failed' || status === 'cancelled';
  return fields({
    workflow: control.workflow,
    status,
    detail,
    started_at: control.startedAt === undefined ? undefined : isoTime(control.startedAt),
    output: status === 'completed' ? control.output : undefined,
    reason: status === 'cancelled' ? 'cancelled' : undefined,
    message: status === 'cancelled' ? control.reason : undefined,
    error: ended ? (control.error?.message ?? 'cancelled') : undefined,
    code: control.error?.code,
    failed_node: control.error?.node,
  });
}

function runMove(event: EventOf<'run.paused' | 'run.resumed' | 'run.completed' | 'run.failed' | 'run.cancelled'>) {
  const { reason, duration } = event.data as { reason?: string; duration?: number };
  return event.type === 'run.cancelled' ? { duration } : { reason, duration };
}

/** The whole graph; an item of a forEach names its parent. */
function graphOf({ control }: RunView, status: (node: NodeView) => NodeState): Fields {
  const nodes = Object.values(control.nodes).map((node) =>
    fields({
      id: node.id,
      type: node.task ?? 'workflow',
      status: runSocketNodeWords[status(node)],
      parent: node.parent,
    }),
  );
  const edges = control.graph.flatMap(({ id, needs = [] }) => needs.map((source) => ({ source, target: id })));
  return { workflow: control.workflow, nodes, edges };
}

function stepOf(event: EventOf<Extract<EventType, `step.${string}`>>): Fields {
  const { name, key, error, ...told } = event.data as { name: string; key?: string; error?: { message: string } };
  return fields({ ...told, node_id: event.node, step_name: name, key, error: error?.message, attempt: event.attempt });
}

function speaker({ data }: EventOf<Extract<EventType, `agent.${string}`>>) {
  return { agent: data.agentId, message_id: data.messageId };
}

function ending(said: AgentMessage | undefined) {
  return { tokens: said?.tokens, truncated: said && said.cut > 0 ? true : undefined };
}

function toolOf(view: RunView, event: EventOf<'agent.tool_call' | 'agent.tool_result'>): Fields {
  const { callId, name, status } = event.data;
  const call = agentMessageOf(view, event)?.tools.findLast((tool) => tool.callId === callId);
  return fields({
    ...speaker(event),
    call_id: callId,
    tool_name: name,
    arguments: call?.arguments,
    status,
    result: call?.result,
    error: call?.error,
    node_id: event.node,
  });
}

function approvalOf({ id, node, approval, timeoutAt }: WaitView): Fields {
  const { title, details, options, escalation } = approval ?? {};
  return fields({
    approval_id: id,
    node_id: node === '' ? undefined : node,
    title,
    details,
    options: ['approved', 'rejected', ...(options ?? [])],
    timeout_at: timeoutAt === undefined ? undefined : isoTime(timeoutAt),
    escalation,
  });
}

function hasCost({ control: { usage } }: RunView): boolean {
  return usage.inputTokens > 0 || usage.outputTokens > 0 || Object.keys(usage.cost).length > 0;
}

function costOf({ control: { usage } }: RunView): Fields {
  return fields({
    total_input_tokens: usage.inputTokens,
    total_output_tokens: usage.outputTokens,
    total_cost: { ...usage.cost },
  });
}
