import { draft, own, type Fresh } from './draft.ts';
import { type EventOf, type RunEvent, stepId } from './event.ts';
import {
  type AgentMessage, type ContentView, type ControlView, DOCUMENT_WINDOW, type DocumentView, LOG_WINDOW, MESSAGE_WINDOW,
  type Origin, TEXT_WINDOW,
} from './view.ts';

/** Folds what an event tells. `control` is already folded; only a started attempt reads it. */
export function foldContent(content: ContentView, control: ControlView, event: RunEvent, fresh?: Fresh): ContentView {
  switch (event.type) {
    case 'run.progress': {
      const view = draft(content, fresh);
      view.progress = event.data.progress;
      if (event.data.message !== undefined) view.message = event.data.message;
      return view;
    }
    case 'node.progress':
      return progress(content, event.node ?? '', event.data, fresh);
    case 'step.progress':
      return progress(content, `${event.node ?? ''}/${stepId(event.data.name, event.data.key)}`, event.data, fresh);
    case 'node.started':
      return (event.attempt ?? 1) > 1 ? supersede(content, control, event, fresh) : content;
    case 'log': return log(content, event, fresh);
    case 'agent.started': case 'agent.message': case 'agent.thinking': case 'agent.token': case 'agent.completed':
    case 'agent.tool_call': case 'agent.tool_result':
      return agent(content, event, fresh);
    case 'kb.started': case 'kb.processing': case 'kb.completed': case 'kb.failed':
      return document(content, event, fresh);
    case 'file.created': case 'file.updated': {
      const view = draft(content, fresh);
      const files = own(view, 'files', fresh);
      const at = files.findIndex((file) => file.name === event.data.name);
      const file = { ...origin(event), ...event.data };
      if (at >= 0) files[at] = file;
      else files.push(file);
      return view;
    }
    case 'metric': {
      const view = draft(content, fresh);
      const { name, value, unit } = event.data;
      own(view, 'metrics', fresh)[name] = { value, at: event.at, ...(unit === undefined ? {} : { unit }) };
      return view;
    }
    case 'error': {
      const view = draft(content, fresh);
      const errors = own(view, 'errors', fresh);
      errors.push({ seq: event.seq, at: event.at, ...event.data, ...(event.node === undefined ? {} : { node: event.node }) });
      trim(errors, 100);
      return view;
    }
    default:
      return content;
  }
}

function origin({ seq, at, node, step, attempt }: RunEvent): Origin {
  return {
    seq, at,
    ...(node === undefined ? {} : { node }), ...(step === undefined ? {} : { step }),
    ...(attempt === undefined ? {} : { attempt }),
  };
}

/** Cuts a list back to its window once it is twice as long: O(1) amortised. */
function trim(list: unknown[], window: number): void {
  if (list.length >= 2 * window) list.splice(0, list.length - window);
}

function trimKeys(record: Record<string, unknown>, window: number): void {
  const keys = Object.keys(record);
  if (keys.length < 2 * window) return;
  for (const key of keys.slice(0, keys.length - window)) delete record[key];
}

function progress(content: ContentView, key: string, data: { progress: number; message?: string }, fresh?: Fresh): ContentView {
  const view = draft(content, fresh);
  own(view, 'progresses', fresh)[key] = {
    progress: data.progress, ...(data.message === undefined ? {} : { message: data.message }),
  };
  return view;
}

function log(content: ContentView, event: EventOf<'log'> & RunEvent, fresh?: Fresh): ContentView {
  const view = draft(content, fresh);
  const logs = own(view, 'logs', fresh);
  const lines = own(logs, 'lines', fresh);
  lines.push({ ...origin(event), ...event.data });
  logs.total += 1;
  trim(lines, LOG_WINDOW);
  return view;
}

type AgentEvent = Extract<RunEvent, { type: `agent.${string}` }>;

function agent(content: ContentView, event: AgentEvent, fresh?: Fresh): ContentView {
  const view = draft(content, fresh);
  const messages = own(view, 'messages', fresh);
  const { agentId, messageId } = event.data;
  const key = `${event.node ?? ''}/${agentId}/${messageId}`;
  if (messages[key] === undefined || event.type === 'agent.started') {
    if (messages[key] === undefined) view.messageTotal += 1;
    messages[key] = {
      ...origin(event), key, agentId, messageId, role: 'assistant', status: 'streaming', text: '', thinking: '', cut: 0, tools: [],
    };
    fresh?.add(messages[key]);
    if (view.messageTotal % MESSAGE_WINDOW === 0) trimKeys(messages, MESSAGE_WINDOW);
  }
  const message = own(messages, key, fresh) as AgentMessage;
  switch (event.type) {
    case 'agent.started':
      if (event.data.model !== undefined) message.model = event.data.model;
      if (event.data.note !== undefined) message.note = event.data.note;
      break;
    case 'agent.message':
      message.role = event.data.role;
      message.text = event.data.text;
      message.status = 'done';
      break;
    case 'agent.thinking': message.thinking += event.data.text; break;
    case 'agent.token': message.text += event.data.text; break;
    case 'agent.completed':
      message.status = 'done';
      if (event.data.text !== undefined) { message.text = event.data.text; message.cut = 0; }
      if (event.data.tokens) message.tokens = event.data.tokens;
      break;
    case 'agent.tool_call': {
      const { callId, name, status } = event.data;
      const call = { callId, name, arguments: event.data.arguments, status, startedAt: event.at };
      const tools = own(message, 'tools', fresh);
      const at = tools.findIndex((tool) => tool.callId === callId);
      if (at >= 0) tools[at] = { ...tools[at], ...call };
      else tools.push(call);
      break;
    }
    case 'agent.tool_result': {
      const { callId, name, status, result, error } = event.data;
      const tools = own(message, 'tools', fresh);
      const at = tools.findIndex((tool) => tool.callId === callId);
      const ended = {
        status, endedAt: event.at,
        ...(result === undefined ? {} : { result }), ...(error === undefined ? {} : { error }),
      };
      const before = tools[at];
      if (before) tools[at] = { ...before, ...ended };
      else tools.push({ callId, name, arguments: null, startedAt: event.at, ...ended });
    }
  }
  if (message.text.length > 2 * TEXT_WINDOW) {
    message.cut += message.text.length - TEXT_WINDOW;
    message.text = message.text.slice(-TEXT_WINDOW);
  }
  if (message.thinking.length > 2 * TEXT_WINDOW) message.thinking = message.thinking.slice(-TEXT_WINDOW);
  return view;
}

type KbEvent = Extract<RunEvent, { type: `kb.${string}` }>;

function document(content: ContentView, event: KbEvent, fresh?: Fresh): ContentView {
  const view = draft(content, fresh);
  const documents = own(view, 'documents', fresh);
  const { kbId, documentId, fileName } = event.data;
  const key = `${kbId}/${documentId}`;
  if (documents[key] === undefined) {
    view.documentTotal += 1;
    if (view.documentTotal % DOCUMENT_WINDOW === 0) trimKeys(documents, DOCUMENT_WINDOW);
  }
  const seen = event.type === 'kb.started' ? undefined : documents[key];
  const next: DocumentView = {
    ...(seen ?? { kbId, documentId, fileName, status: 'processing', progress: 0 }),
    ...origin(event),
  };
  switch (event.type) {
    case 'kb.started': if (event.data.bytes !== undefined) next.bytes = event.data.bytes; break;
    case 'kb.processing':
      next.phase = event.data.phase;
      next.progress = event.data.progress;
      if (event.data.chunks !== undefined) next.chunks = event.data.chunks;
      if (event.data.embeddings !== undefined) next.embeddings = event.data.embeddings;
      break;
    case 'kb.completed':
      next.status = 'completed';
      next.progress = 100;
      next.chunks = event.data.chunks;
      next.embeddings = event.data.embeddings;
      break;
    case 'kb.failed':
      next.status = 'failed';
      next.phase = event.data.failedPhase;
      next.error = event.data.error;
  }
  documents[key] = next;
  return view;
}

/**
 * A newer attempt has started: marks what older ones told inside a step that never completed, and what they
 * told outside steps after the node's last durable result. Linear in the windows, once per attempt.
 */
function supersede(content: ContentView, control: ControlView, event: RunEvent, fresh?: Fresh): ContentView {
  const node = event.node ?? '';
  const seen = control.nodes[node];
  const attempt = event.attempt ?? 1;
  const isStale = (item: Origin): boolean => {
    if (item.superseded || item.node !== node || (item.attempt ?? 0) >= attempt) return false;
    if (item.step !== undefined) return seen?.steps[item.step]?.status !== 'completed';
    return item.seq > (seen?.durableSeq ?? 0);
  };
  const view = draft(content, fresh);
  const mark = <T extends Origin>(item: T): T => (isStale(item) ? { ...item, superseded: true } : item);
  const markAll = <T extends Origin>(record: Record<string, T>): Record<string, T> =>
    Object.values(record).some(isStale) ? Object.fromEntries(Object.entries(record).map(([key, item]) => [key, mark(item)])) : record;
  if (view.logs.lines.some(isStale)) view.logs = { ...view.logs, lines: view.logs.lines.map(mark) };
  view.messages = markAll(view.messages);
  view.documents = markAll(view.documents);
  if (view.files.some(isStale)) view.files = view.files.map(mark);
  return view;
}
