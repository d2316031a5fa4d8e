import type { EventOf, EventType, KbPhase, RunEvent } from '../event.ts';
import type { RunFilter } from '../frame.ts';
import { definitionId } from '../graph.ts';
import { graphIndex } from '../graph-index.ts';
import type { Json } from '../json.ts';
import type { NodeState } from '../node.ts';
import type { RunState } from '../run.ts';
import { type NodeView, publicStatus, type RunView } from '../view.ts';
import { agentMessageOf } from './agent-message.ts';
import type { ChannelEventName } from './channel-events.ts';
import type { Dialect, Message } from './dialect.ts';
import { type Fields, fields, isoTime, messageId } from './fields.ts';
import { joinText } from './joined-text.ts';
import { type MovedNode, movedNodes, runMovedTo } from './moved-nodes.ts';
import { progressOf } from './run-progress.ts';

export type * from './channel-events.ts';

/** The event that tells of each state of a run, and of a node. */
export const channelRunWords: Record<RunState, ChannelEventName> = {
  created: 'execution:updated',
  running: 'execution:started',
  paused: 'execution:updated',
  stopping: 'execution:updated',
  completed: 'execution:completed',
  failed: 'execution:failed',
  cancelled: 'execution:failed',
};

export const channelNodeWords: Record<NodeState, ChannelEventName> = {
  pending: 'execution:updated',
  queued: 'execution:updated',
  running: 'node:started',
  waiting: 'execution:updated',
  retrying: 'node:failed',
  completed: 'node:completed',
  failed: 'node:failed',
  skipped: 'execution:updated',
  cancelled: 'execution:updated',
};

const steps: Record<KbPhase, 'extraction' | 'chunking' | 'embedding'> = {
  extraction: 'extraction',
  chunking: 'chunking',
  embedding: 'embedding',
  indexing: 'embedding',
};

/** Seed 003: Socket.IO, namespace `/`, all of its events: what `user:{id}` is told. */
export const channels: Dialect = {
  name: 'channels',
  messages(view, event) {
    const about = { executionId: view.run, timestamp: isoTime(event.at) };
    return told(view, event).map(([name, data], place) => ({
      event: name,
      data: { id: messageId(view.run, event.seq, place), ...about, ...data },
    }));
  },
  join: (messages) => joinText(messages, { pieceOf, textOf, merge }),
};

/** What `execution:{executionId}` is told: of the execution, its nodes and the input that it asks for. */
export const executionChannel: Dialect = narrowed('channels/execution', (message) => kindOf(message) === 'execution');

/** What `agent:{agentId}:{executionId}` is told, of a subscription with {@link agentFilter}: streaming and tools. */
export const agentChannel: Dialect = narrowed('channels/agent', (message) => kindOf(message) === 'agent');

/** What `kb:{kbId}` is told of each run that works on the knowledge base. */
export function kbChannel(kbId: string): Dialect {
  return narrowed(
    `channels/kb/${kbId}`,
    (message) => kindOf(message) === 'kb' && message.data.knowledgeBaseId === kbId,
  );
}

/** The events that an agent's channel is made of. */
export function agentFilter(agentId: string): RunFilter {
  return {
    agents: [agentId],
    types: ['agent.started', 'agent.message', 'agent.token', 'agent.completed', 'agent.tool_call', 'agent.tool_result'],
  };
}

/** The events that a knowledge base's channel is made of. */
export const kbFilter: RunFilter = { types: ['kb.started', 'kb.processing', 'kb.completed', 'kb.failed'] };

/** The kind of channel that a message belongs to; `user:{id}` is told all of them. */
export function kindOf({ event }: Message): 'execution' | 'agent' | 'kb' {
  if (event.startsWith('agent:')) return 'agent';
  return event.startsWith('kb:') ? 'kb' : 'execution';
}

function narrowed(name: string, tells: (message: Message) => boolean): Dialect {
  return { ...channels, name, messages: (view, event) => channels.messages(view, event).filter(tells) };
}

type Told = readonly [ChannelEventName, Fields];

function told(view: RunView, event: RunEvent): Told[] {
  return [
    ...startOf(view, event),
    ...movedNodes(view, event).map((moved) => nodeMoved(view, event, moved)),
    ...content(view, event),
    ...runMoved(view, event),
  ];
}

/** Written or implied. */
function startOf(view: RunView, event: RunEvent): Told[] {
  if (view.control.startedSeq !== event.seq) return [];
  return [['execution:started', { ...executionOf(view), startTime: isoTime(event.at) }]];
}

function runMoved(view: RunView, event: RunEvent): Told[] {
  const state = runMovedTo(view, event);
  if (state === undefined || view.control.startedSeq === event.seq) return [];
  const { control } = view;
  const execution = executionOf(view);
  const duration = durationOf(event, control.createdAt);
  switch (state) {
    case 'completed':
      return [['execution:completed', { ...execution, outputs: (control.output ?? null) as Json, duration }]];
    case 'failed': {
      const { message = 'The execution failed.', code = 'internal', node } = control.error ?? {};
      return [['execution:failed', fields({ ...execution, error: message, code, failedNode: node, duration })]];
    }
    case 'cancelled': {
      const { reason } = control;
      const error = reason ? `The execution was cancelled: ${reason}` : 'The execution was cancelled.';
      return [['execution:failed', fields({ ...execution, error, code: 'cancelled', reason, duration })]];
    }
    default:
      return [['execution:updated', updateOf(view, undefined)]];
  }
}

function nodeMoved(view: RunView, event: RunEvent, { node, to }: MovedNode): Told {
  const name = channelNodeWords[to];
  const duration = durationOf(event, node.startedAt ?? event.at, node.id);
  switch (name) {
    case 'node:started':
      return [name, { ...nodeOf(view, node), context: contextOf(view, node) }];
    case 'node:completed':
      return [name, { ...nodeOf(view, node), outputs: (node.output ?? null) as Json, duration }];
    case 'node:failed': {
      const retry = {
        attempt: node.attempt,
        willRetry: to === 'retrying',
        nextAt: node.nextAt === undefined ? undefined : isoTime(node.nextAt),
      };
      const { message = 'The node failed.', code } = node.error ?? {};
      return [name, fields({ ...nodeOf(view, node), error: message, code, retry: fields(retry), duration })];
    }
    default:
      return ['execution:updated', updateOf(view, node)];
  }
}

/** ms, as the event says it of this node or run, else since then. */
function durationOf({ at, node, data }: RunEvent, since: number, of?: string): number {
  const { duration } = data as { duration?: number };
  return (node === of ? duration : undefined) ?? at - since;
}

function content(view: RunView, event: RunEvent): Told[] {
  switch (event.type) {
    case 'run.progress':
      return [['execution:updated', updateOf(view, undefined)]];
    case 'node.progress': {
      const node = view.control.nodes[event.node ?? ''];
      const { progress, message } = event.data;
      if (node) return [['node:progress', fields({ ...nodeOf(view, node), progress, currentStep: message })]];
      return [];
    }
    case 'input.requested': {
      const { inputId, prompt, schema, timeoutAt, default: fallback } = event.data;
      const type = typeof schema === 'object' && schema !== null && !Array.isArray(schema) ? schema.type : undefined;
      const data = {
        inputId,
        nodeId: event.node,
        prompt,
        expectedType: typeof type === 'string' ? type : 'any',
        validationRules: schema ?? {},
        timeoutAt: timeoutAt === undefined ? undefined : isoTime(timeoutAt),
        default: fallback,
      };
      return [['user_input:required', fields(data)]];
    }
    case 'input.timed_out': {
      const { inputId, value } = event.data;
      const asked = view.control.waits[inputId]?.requestedAt ?? event.at;
      const { status } = publicStatus(view.control);
      const data = { inputId, nodeId: event.node, timeout: event.at - asked, state: status, value };
      return [['user_input:timeout', fields(data)]];
    }
    case 'kb.started':
      return [['kb:upload_started', fields({ ...documentOf(event), fileSize: event.data.bytes })]];
    case 'kb.processing': {
      const { phase, progress, chunks, embeddings } = event.data;
      const counts = { chunkCount: chunks, embeddingCount: embeddings };
      return [
        ['kb:processing', fields({ ...documentOf(event), progress, currentStep: steps[phase], phase, ...counts })],
      ];
    }
    case 'kb.completed': {
      const { chunks, embeddings } = event.data;
      return [['kb:upload_completed', { ...documentOf(event), chunkCount: chunks, embeddingCount: embeddings }]];
    }
    case 'kb.failed': {
      const { error, failedPhase } = event.data;
      return [
        ['kb:upload_failed', { ...documentOf(event), error, failedStep: steps[failedPhase], phase: failedPhase }],
      ];
    }
    case 'agent.started':
      return [['agent:streaming_start', fields({ ...agentOf(event), model: event.data.model })]];
    case 'agent.token': {
      const { text = '', cut = 0 } = agentMessageOf(view, event) ?? {};
      const data = { token: event.data.text, cumulativeResponse: text, truncated: cut > 0 ? true : undefined };
      return [['agent:token', fields({ ...agentOf(event), ...data })]];
    }
    case 'agent.message':
      // Nobody streamed it: all there is of it is its end.
      if (event.data.role !== 'assistant') return [];
      return [['agent:streaming_end', fields({ ...agentOf(event), fullResponse: event.data.text })]];
    case 'agent.completed': {
      const said = agentMessageOf(view, event);
      const data = {
        fullResponse: event.data.text ?? said?.text ?? '',
        tokenCount: event.data.tokens?.output,
        finish: event.data.finish,
        truncated: said && said.cut > 0 ? true : undefined,
      };
      return [['agent:streaming_end', fields({ ...agentOf(event), ...data })]];
    }
    case 'agent.tool_call':
    case 'agent.tool_result': {
      const { callId, name, status } = event.data;
      const call = agentMessageOf(view, event)?.tools.findLast((tool) => tool.callId === callId);
      const data = {
        callId,
        toolName: name,
        arguments: call?.arguments ?? null,
        status,
        result: call?.result,
        error: call?.error,
      };
      return [['agent:tool_call', fields({ ...agentOf(event), ...data })]];
    }
    default:
      return [];
  }
}

function executionOf({ control }: RunView): Fields {
  return fields({ workflowId: control.workflow, ...publicStatus(control) });
}

/** `node`: the one that it is about; else one that runs now. */
function updateOf(view: RunView, node: NodeView | undefined): Fields {
  return fields({
    ...executionOf(view),
    currentNode: node?.id ?? runningNode(view),
    nodeStatus: node?.status,
    progress: progressOf(view),
    currentStep: view.content.message,
  });
}

function runningNode({ control }: RunView): string | undefined {
  if (control.counts.running === 0) return undefined;
  for (const id in control.nodes) if (control.nodes[id]?.status === 'running') return id;
  return undefined;
}

function nodeOf({ control }: RunView, { id, task, status }: NodeView): Fields {
  const nodeType = task ?? graphIndex(control.graph).nodes.get(definitionId(id))?.workflow ?? id;
  return { nodeId: id, nodeType, status };
}

function contextOf({ run, control }: RunView, { attempt }: NodeView): Fields {
  return fields({ executionId: run, workflowId: control.workflow, attempt, lineage: control.lineage });
}

function documentOf({ data }: EventOf<Extract<EventType, `kb.${string}`>>): Fields {
  return { knowledgeBaseId: data.kbId, documentId: data.documentId, fileName: data.fileName };
}

function agentOf({ node, data }: EventOf<Extract<EventType, `agent.${string}`>>): Fields {
  return fields({ agentId: data.agentId, messageId: data.messageId, nodeId: node });
}

function textOf({ event, data }: Message): string | undefined {
  if (!event.startsWith('agent:')) return undefined;
  return JSON.stringify([data.executionId ?? null, data.nodeId ?? null, data.agentId ?? null, data.messageId ?? null]);
}

function pieceOf(message: Message): string | undefined {
  return message.event === 'agent:token' ? textOf(message) : undefined;
}

function merge(earlier: Message, later: Message): Message {
  return { event: later.event, data: { ...later.data, token: `${earlier.data.token}${later.data.token}` } };
}
