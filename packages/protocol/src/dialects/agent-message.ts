import type { EventOf, EventType } from '../event.ts';
import type { AgentMessage, RunView } from '../view.ts';

/** The message that an agent's event is part of, as far as it has got. */
export function agentMessageOf(
  { content }: RunView,
  { node, data }: EventOf<Extract<EventType, `agent.${string}`>>,
): AgentMessage | undefined {
  return content.messages[`${node ?? ''}/${data.agentId}/${data.messageId}`];
}
