import { MillraceError } from '../error-code.ts';
import type { KbPhase, NewEvent, RunError } from '../event.ts';
import { newEvent } from '../event-constructors.ts';
import type { Json } from '../json.ts';
import type { ControlView, NodeView } from '../view.ts';
import type { ChannelEventName } from './channel-events.ts';
import { percent, readError, type SourceChange } from './jobs-source.ts';
import { SourceData } from './source-data.ts';

/** What an internal event of seed 003 makes of an external run. */
export interface ChannelChange extends SourceChange {
  executionId: string;
  userId?: string;
  /** of a run that is to be created, should there be none yet */
  workflowId?: string;
}

type Reader = (data: SourceData, control: ControlView | undefined) => SourceChange;

/**
 * Reads an event as an in-process emitter emits it: a name of seed 003 with its data, in {@link ChannelEvents}' fields.
 * `control`: the run as everything that was emitted before has left it; undefined = there is none yet. A document's
 * upload that names no execution is a run of its own, `kb-KB-DOCUMENT`, and ends with it.
 * Throws `event_unknown` for a name that is not seed 003's, `event_invalid` with `{field, expected}` for bad data.
 */
export function channelEvents(name: string, data: unknown, control?: ControlView): ChannelChange {
  if (!isSourceName(name)) {
    throw new MillraceError('event_unknown', { detail: `"${name.slice(0, 100)}" is not an event of the emitter.` });
  }
  const told = new SourceData(name, data);
  const executionId =
    told.mayText('executionId') ?? (name.startsWith('kb:') ? documentRun(told) : told.text('executionId'));
  const [userId, workflowId] = [told.mayText('userId'), told.mayText('workflowId')];
  const change = readers[name](told, control);
  const isOwn = name.startsWith('kb:') && told.mayText('executionId') === undefined;
  const kind = workflowId ?? (isOwn ? 'ingest' : undefined);
  return {
    executionId,
    ...(userId === undefined ? {} : { userId }),
    ...(kind === undefined ? {} : { workflowId: kind }),
    ...change,
    ...(isOwn && { events: [...change.events, ...documentEnd(name, told)] }),
  };
}

function isSourceName(name: string): name is ChannelEventName {
  return Object.hasOwn(readers, name);
}

const readers: Record<ChannelEventName, Reader> = {
  'execution:started': (_data, control) => ({
    events: control && control.status !== 'created' ? [] : [newEvent('run.started', {})],
  }),
  'execution:updated': (data, control) => {
    const [progress, message] = [data.mayNumber('progress'), data.mayText('currentStep')];
    const events: NewEvent[] =
      progress === undefined
        ? []
        : [newEvent('run.progress', { progress: percent(progress), ...(message === undefined ? {} : { message }) })];
    const isPause = data.json('status') === 'paused' && control?.status !== 'paused';
    return isPause ? { events, command: { type: 'pause' } } : { events };
  },
  'execution:completed': (data) => {
    const output = data.json('outputs', 'output');
    return { events: [newEvent('run.completed', { ...(output === undefined ? {} : { output }), ...took(data) })] };
  },
  'execution:failed': (data) => {
    if (data.json('status') === 'cancelled') {
      const reason = data.mayText('reason');
      return { events: [newEvent('run.cancelled', { ...(reason === undefined ? {} : { reason }), ...took(data) })] };
    }
    return { events: [newEvent('run.failed', { error: failure(data, data.mayText('failedNode')), ...took(data) })] };
  },
  'node:started': (data, control) => {
    const node = data.text('nodeId');
    const before = control?.nodes[node];
    const attempt = data.within('context').mayNumber('attempt') ?? (before?.attempt ?? 0) + 1;
    const task = data.mayText('nodeType');
    const start = newEvent('node.started', task === undefined ? {} : { task }, { node, attempt });
    return { events: [...again(node, before), start] };
  },
  'node:completed': (data, control) => {
    const output = data.json('outputs', 'output');
    const ended = { ...(output === undefined ? {} : { output }), ...took(data) };
    return { events: [newEvent('node.completed', ended, placeOf(data, control))] };
  },
  'node:failed': (data, control) => {
    const place = placeOf(data, control);
    const error = failure(data, place.node);
    const retry = data.within('retry');
    if (retry.json('willRetry') !== true) return { events: [newEvent('node.failed', { error, ...took(data) }, place)] };
    const nextAt = Date.parse(retry.mayText('nextAt') ?? '');
    return { events: [newEvent('node.retrying', { error, nextAt: Number.isNaN(nextAt) ? 0 : nextAt }, place)] };
  },
  'node:progress': (data, control) => {
    const message = data.mayText('currentStep');
    const progress = percent(data.number('progress'));
    return {
      events: [
        newEvent('node.progress', { progress, ...(message === undefined ? {} : { message }) }, placeOf(data, control)),
      ],
    };
  },
  'user_input:required': (data) => {
    const schema = data.json('validationRules') ?? schemaOf(data.mayText('expectedType'));
    const fallback = data.json('default');
    const asked = {
      inputId: data.text('inputId'),
      prompt: data.text('prompt'),
      ...(schema === undefined ? {} : { schema }),
      ...(fallback === undefined ? {} : { default: fallback }),
      ...timeoutAt(data),
    };
    return { events: [newEvent('input.requested', asked, nodeOf(data))] };
  },
  // The engine times inputs out by itself, at the time that they were asked with.
  'user_input:timeout': () => ({ events: [] }),
  'kb:upload_started': (data) => {
    const bytes = data.mayNumber('fileSize');
    return { events: [newEvent('kb.started', { ...documentOf(data), ...(bytes === undefined ? {} : { bytes }) })] };
  },
  'kb:processing': (data) => {
    const [chunks, embeddings] = [data.mayNumber('chunkCount'), data.mayNumber('embeddingCount')];
    const processing = {
      ...documentOf(data),
      phase: data.oneOf(phases, 'phase', 'currentStep'),
      progress: percent(data.number('progress')),
      ...(chunks === undefined ? {} : { chunks }),
      ...(embeddings === undefined ? {} : { embeddings }),
    };
    return { events: [newEvent('kb.processing', processing)] };
  },
  'kb:upload_completed': (data) => {
    const counts = { chunks: data.number('chunkCount'), embeddings: data.number('embeddingCount') };
    return { events: [newEvent('kb.completed', { ...documentOf(data), ...counts })] };
  },
  'kb:upload_failed': (data) => {
    const failedPhase = data.mayOneOf(phases, 'phase', 'failedStep') ?? 'extraction';
    return { events: [newEvent('kb.failed', { ...documentOf(data), error: failure(data).message, failedPhase })] };
  },
  'agent:streaming_start': (data) => {
    const model = data.mayText('model');
    return {
      events: [
        newEvent('agent.started', { ...agentOf(data), ...(model === undefined ? {} : { model }) }, nodeOf(data)),
      ],
    };
  },
  'agent:token': (data) => ({
    events: [newEvent('agent.token', { ...agentOf(data), text: data.piece('token') }, nodeOf(data))],
  }),
  'agent:streaming_end': (data) => {
    const [text, output, finish] = [data.json('fullResponse'), data.mayNumber('tokenCount'), data.mayText('finish')];
    const ended = {
      ...agentOf(data),
      ...(typeof text === 'string' ? { text } : {}),
      ...(output === undefined ? {} : { tokens: { output } }),
      ...(finish === undefined ? {} : { finish }),
    };
    return { events: [newEvent('agent.completed', ended, nodeOf(data))] };
  },
  'agent:tool_call': (data) => {
    const name = data.text('toolName');
    const call = { ...agentOf(data), callId: data.mayText('callId') ?? name, name };
    const status = data.mayOneOf(['running', 'completed', 'failed'] as const, 'status') ?? 'running';
    const started = newEvent(
      'agent.tool_call',
      { ...call, arguments: data.json('arguments') ?? {}, status },
      nodeOf(data),
    );
    if (status === 'running') return { events: [started] };
    const [result, error] = [data.json('result'), data.mayText('error')];
    const ended = {
      ...call,
      status,
      ...(result === undefined ? {} : { result }),
      ...(error === undefined ? {} : { error }),
    };
    return { events: [newEvent('agent.tool_result', ended, nodeOf(data))] };
  },
};

/** The names that a bridge listens to: all of seed 003. */
export const sourceNames = Object.keys(readers) as readonly ChannelEventName[];

const phases: readonly KbPhase[] = ['extraction', 'chunking', 'embedding', 'indexing'];

/** What lies between a node's state and a new start of it. */
function again(node: string, before: NodeView | undefined): NewEvent[] {
  const queued = newEvent('node.queued', { reason: 'retry' }, { node });
  if (before?.status === 'retrying') return [queued];
  if (before?.status !== 'running') return [];
  // Its producer began it again without a word on the attempt before.
  const error: RunError = { code: 'task_failed', message: 'The attempt ended without a result.' };
  const lost = newEvent('node.retrying', { error, nextAt: before.startedAt ?? 0 }, { node, attempt: before.attempt });
  return [lost, queued];
}

function placeOf(data: SourceData, control: ControlView | undefined): { node: string; attempt?: number } {
  const node = data.text('nodeId');
  const attempt = control?.nodes[node]?.attempt;
  return attempt ? { node, attempt } : { node };
}

function nodeOf(data: SourceData): { node?: string } {
  const node = data.mayText('nodeId');
  return node === undefined ? {} : { node };
}

function failure(data: SourceData, node?: string): RunError {
  const error = readError(data) ?? { code: 'task_failed', message: data.text('error') };
  return node === undefined ? error : { ...error, node };
}

function took(data: SourceData): { duration?: number } {
  const duration = data.mayNumber('duration');
  return duration === undefined ? {} : { duration };
}

function timeoutAt(data: SourceData): { timeoutAt?: number } {
  const text = data.mayText('timeoutAt');
  if (text === undefined) return {};
  const at = Date.parse(text);
  if (Number.isNaN(at)) {
    const facts = { field: 'timeoutAt', expected: 'an ISO 8601 time' };
    throw new MillraceError('event_invalid', { detail: 'timeoutAt: expected an ISO 8601 time.', facts });
  }
  return { timeoutAt: at };
}

function schemaOf(expectedType: string | undefined): Json | undefined {
  return expectedType === undefined || expectedType === 'any' ? undefined : { type: expectedType };
}

function documentOf(data: SourceData) {
  const fileName = data.mayText('fileName') ?? data.text('documentId');
  return {
    kbId: data.text('knowledgeBaseId', 'kbId'),
    documentId: data.mayText('documentId') ?? fileName,
    fileName,
  };
}

function documentRun(data: SourceData): string {
  const { kbId, documentId } = documentOf(data);
  return `kb-${kbId}-${documentId}`;
}

/** A document's own run ends with it. */
function documentEnd(name: ChannelEventName, data: SourceData): NewEvent[] {
  if (name === 'kb:upload_completed') return [newEvent('run.completed', {})];
  return name === 'kb:upload_failed' ? [newEvent('run.failed', { error: failure(data) })] : [];
}

function agentOf(data: SourceData): { agentId: string; messageId: string } {
  return { agentId: data.text('agentId'), messageId: data.mayText('messageId') ?? 'response' };
}
