import { draft, type Fresh, own } from './draft.ts';
import type { RunEvent } from './event.ts';
import { areOne, layOver } from './fold-layers.ts';
import { goOn, originOf } from './fold-origin.ts';
import { MESSAGE_WINDOW, TEXT_WINDOW, TOOL_WINDOW, trim, trimKeys } from './fold-window.ts';
import { pick } from './pick.ts';
import type { AgentMessage, ContentView, ControlView, ToolCall } from './view.ts';

type AgentEvent = Extract<RunEvent, { type: `agent.${string}` }>;

export function foldAgent(content: ContentView, control: ControlView, event: AgentEvent, fresh?: Fresh): ContentView {
  const view = draft(content, fresh);
  const message = messageOf(view, control, event, fresh);
  tell(message, event, fresh);
  bound(message);
  return view;
}

/**
 * The message that the event is about: a new one where there is none yet, it starts again, or it was retracted; what
 * may be retracted apart from what it says already goes on over that.
 */
function messageOf(view: ContentView, control: ControlView, event: AgentEvent, fresh?: Fresh): AgentMessage {
  const messages = own(view, 'messages', fresh);
  const { agentId, messageId } = event.data;
  const key = `${event.node ?? ''}/${agentId}/${messageId}`;
  const before = messages[key];
  const goesOn = before && !before.superseded && event.type !== 'agent.started';
  if (goesOn && areOne(before, event, control)) return own(messages, key, fresh) as AgentMessage;
  const next: AgentMessage = goesOn
    ? { ...goOn(before, originOf(event)), tools: before.tools.slice() }
    : {
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
  const message = layOver(before, next, control);
  fresh?.add(message).add(message.tools);
  if (before && !goesOn) delete messages[key];
  else if (!before) view.messageTotal += 1;
  messages[key] = message;
  if (!before && view.messageTotal % MESSAGE_WINDOW === 0) trimKeys(messages, MESSAGE_WINDOW);
  return message;
}

function tell(message: AgentMessage, event: AgentEvent, fresh?: Fresh): void {
  switch (event.type) {
    case 'agent.started':
      Object.assign(message, pick(event.data, 'model', 'note'));
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
    case 'agent.tool_call':
      put(own(message, 'tools', fresh), event.data.callId, {
        ...pick(event.data, 'name', 'arguments', 'status'),
        startedAt: event.at,
      });
      break;
    case 'agent.tool_result':
      put(own(message, 'tools', fresh), event.data.callId, {
        ...pick(event.data, 'name', 'status', 'result', 'error'),
        endedAt: event.at,
      });
  }
}

function finish(message: AgentMessage, text: string | undefined): void {
  message.status = 'done';
  if (text === undefined) return;
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
  if (text > 0) {
    message.text = message.text.slice(text);
    message.cut += text;
  }
  const thinking = overhang(message.thinking);
  if (thinking > 0) {
    message.thinking = message.thinking.slice(thinking);
    message.thinkingCut = (message.thinkingCut ?? 0) + thinking;
  }
  const calls = message.tools.length;
  trim(message.tools, TOOL_WINDOW);
  if (message.tools.length < calls) message.toolsCut = (message.toolsCut ?? 0) + calls - message.tools.length;
}

function overhang({ length }: string): number {
  return length > 2 * TEXT_WINDOW ? length - TEXT_WINDOW : 0;
}
