import { draft, type Fresh, own } from './draft.ts';
import type { RunEvent } from './event.ts';
import { originOf } from './fold-origin.ts';
import { trim, trimKeys } from './fold-window.ts';
import {
  type AgentMessage,
  type ContentView,
  type ControlView,
  MESSAGE_WINDOW,
  TEXT_WINDOW,
  TOOL_WINDOW,
  type ToolCall,
} from './view.ts';

type AgentEvent = Extract<RunEvent, { type: `agent.${string}` }>;

export function foldAgent(content: ContentView, control: ControlView, event: AgentEvent, fresh?: Fresh): ContentView {
  const view = draft(content, fresh);
  const message = messageOf(view, event, fresh);
  keep(message, control.nodes[event.node ?? '']?.durableSeq);
  tell(message, event, fresh);
  bound(message);
  return view;
}

/** The message that the event is about: a new one where there is none yet, it starts again, or it was retracted. */
function messageOf(view: ContentView, event: AgentEvent, fresh?: Fresh): AgentMessage {
  const messages = own(view, 'messages', fresh);
  const { agentId, messageId } = event.data;
  const key = `${event.node ?? ''}/${agentId}/${messageId}`;
  const before = messages[key];
  if (before && !before.superseded && event.type !== 'agent.started') return own(messages, key, fresh) as AgentMessage;
  const message: AgentMessage = {
    ...originOf(event),
    key,
    agentId,
    messageId,
    role: 'assistant',
    status: 'streaming',
    text: '',
    thinking: '',
    cut: 0,
    tools: [],
  };
  fresh?.add(message).add(message.tools);
  if (before) delete messages[key];
  else view.messageTotal += 1;
  messages[key] = message;
  if (!before && view.messageTotal % MESSAGE_WINDOW === 0) trimKeys(messages, MESSAGE_WINDOW);
  return message;
}

/** Remembers, outside steps, how much had been told when the node's last durable result was written. */
function keep(message: AgentMessage, durable = 0): void {
  if (message.step !== undefined || durable < message.seq || message.kept?.durable === durable) return;
  const { text, thinking, tools } = message;
  message.kept = { durable, text: text.length, thinking: thinking.length, tools: tools.length };
}

/** The message as it was at its node's last durable result. */
export function cutBack({ tokens: _tokens, ...message }: AgentMessage): AgentMessage {
  const { kept } = message;
  return {
    ...message,
    status: 'streaming',
    text: message.text.slice(0, kept?.text),
    thinking: message.thinking.slice(0, kept?.thinking),
    tools: message.tools.slice(0, kept?.tools),
  };
}

function tell(message: AgentMessage, event: AgentEvent, fresh?: Fresh): void {
  switch (event.type) {
    case 'agent.started':
      if (event.data.model !== undefined) message.model = event.data.model;
      if (event.data.note !== undefined) message.note = event.data.note;
      break;
    case 'agent.message':
      message.role = event.data.role;
      finish(message, event.data.text);
      break;
    case 'agent.thinking':
      message.thinking += event.data.text;
      break;
    case 'agent.token':
      message.text += event.data.text;
      break;
    case 'agent.completed':
      finish(message, event.data.text);
      if (event.data.tokens) message.tokens = event.data.tokens;
      break;
    case 'agent.tool_call': {
      const { callId, name, arguments: given, status } = event.data;
      put(own(message, 'tools', fresh), callId, { name, arguments: given, status, startedAt: event.at });
      break;
    }
    case 'agent.tool_result': {
      const { callId, name, status, result, error } = event.data;
      put(own(message, 'tools', fresh), callId, {
        name,
        status,
        endedAt: event.at,
        ...(result === undefined ? {} : { result }),
        ...(error === undefined ? {} : { error }),
      });
    }
  }
}

function finish(message: AgentMessage, text: string | undefined): void {
  message.status = 'done';
  if (text === undefined) return;
  if (message.kept) message.kept = { ...message.kept, text: message.kept.text + message.cut };
  message.text = text;
  message.cut = 0;
}

function put(tools: ToolCall[], callId: string, told: Partial<ToolCall> & Pick<ToolCall, 'name' | 'status'>): void {
  const place = tools.findLastIndex((tool) => tool.callId === callId);
  if (place >= 0) {
    tools[place] = { ...(tools[place] as ToolCall), ...told };
    return;
  }
  const startedAt = told.startedAt ?? told.endedAt ?? 0;
  tools.push({ callId, arguments: null, ...told, startedAt });
}

/** Cuts long texts and long lists of calls back to their windows, once they are twice as long: O(1) amortised. */
function bound(message: AgentMessage): void {
  const text = overhang(message.text);
  const thinking = overhang(message.thinking);
  const calls = message.tools.length;
  trim(message.tools, TOOL_WINDOW);
  const tools = calls - message.tools.length;
  if (text + thinking + tools === 0) return;
  message.text = message.text.slice(text);
  message.cut += text;
  message.thinking = message.thinking.slice(thinking);
  if (!message.kept) return;
  const { kept } = message;
  message.kept = {
    durable: kept.durable,
    text: Math.max(0, kept.text - text),
    thinking: Math.max(0, kept.thinking - thinking),
    tools: Math.max(0, kept.tools - tools),
  };
}

function overhang({ length }: string): number {
  return length > 2 * TEXT_WINDOW ? length - TEXT_WINDOW : 0;
}
