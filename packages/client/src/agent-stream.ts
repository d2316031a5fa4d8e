import type { AgentMessage, ToolCall } from '@millrace/protocol/view';

export interface AgentStream {
  /** the newest message's text, growing while `streaming` */
  readonly text: string;
  readonly thinking: string;
  readonly streaming: boolean;
  /** of all messages, oldest first */
  readonly toolCalls: readonly ToolCall[];
  /** oldest first, without what a newer attempt has retracted */
  readonly messages: readonly AgentMessage[];
}

const none: AgentStream = { text: '', thinking: '', streaming: false, toolCalls: [], messages: [] };

/** What is shown of a run's agent messages; `agentId` picks one agent. */
export function agentStream(
  messages: Readonly<Record<string, AgentMessage>> | undefined,
  agentId?: string,
): AgentStream {
  const shown = Object.values(messages ?? {}).filter(
    (message) => !message.superseded && (agentId === undefined || message.agentId === agentId),
  );
  const newest = shown.findLast(({ role }) => role === 'assistant');
  if (shown.length === 0) return none;
  return {
    text: newest?.text ?? '',
    thinking: newest?.thinking ?? '',
    streaming: newest?.status === 'streaming',
    toolCalls: shown.flatMap(({ tools }) => tools),
    messages: shown,
  };
}
