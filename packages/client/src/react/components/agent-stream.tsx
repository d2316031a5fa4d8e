import type { AgentMessage, ContentView } from '@millrace/protocol/view';
import { memo, type ReactNode } from 'react';
import { GrowingText } from './growing-text.tsx';
import { Markdown } from './markdown.tsx';
import { ToolCallView } from './tool-call-view.tsx';

export interface AgentStreamProps {
  messages: ContentView['messages'];
  /** false = nothing more comes now (the run ended, or the connection is down): no caret */
  live: boolean;
  /** output that a newer attempt has retracted is left out unless this is true */
  showSuperseded?: boolean;
}

/** What the agents say, as it arrives, with a caret while a message streams, and the tools that they call. */
export function AgentStream({ messages, live, showSuperseded = false }: AgentStreamProps): ReactNode {
  const shown = Object.values(messages).filter((message) => showSuperseded || !message.superseded);
  return (
    <div className="mr-agent">
      {shown.map((message) => (
        <Message key={message.key} message={message} live={live} />
      ))}
    </div>
  );
}

const Message = memo(function Message({ message, live }: { message: AgentMessage; live: boolean }): ReactNode {
  const isStreaming = message.status === 'streaming' && !message.superseded;
  const caret = isStreaming && live ? <span className="mr-caret" data-testid="caret" aria-hidden="true" /> : undefined;
  return (
    <article
      className={message.superseded ? 'mr-message mr-superseded' : 'mr-message'}
      aria-label={`${message.role} ${message.agentId}`}
      aria-busy={isStreaming && live}
    >
      <div className="mr-message-head">
        <span className="mr-message-who">{message.role === 'assistant' ? message.agentId : message.role}</span>
        <span className="mr-quiet">{facts(message, live).join(' · ')}</span>
      </div>
      {message.note !== undefined && <p className="mr-quiet">{message.note}</p>}
      {message.thinking !== '' && (
        <details>
          <summary className="mr-quiet">Thinking</summary>
          <div className="mr-thinking">{message.thinking}</div>
        </details>
      )}
      {message.tools.length > 0 && (
        <ul className="mr-tools" aria-label="Tool calls">
          {message.tools.map((call) => (
            <li key={call.callId}>
              <ToolCallView call={call} />
            </li>
          ))}
        </ul>
      )}
      {message.cut > 0 && (
        <p className="mr-quiet">{message.cut.toLocaleString('en')} earlier characters are not shown.</p>
      )}
      {message.status === 'done' ? (
        <Markdown text={message.text} />
      ) : (
        <div className="mr-message-text">
          <GrowingText text={message.text} end={caret} />
        </div>
      )}
    </article>
  );
});

function facts(message: AgentMessage, live: boolean): string[] {
  const { model, tokens, status, superseded } = message;
  const parts: string[] = [];
  if (superseded) parts.push('superseded by a newer attempt');
  else if (status === 'streaming') parts.push(live ? 'writing' : 'unfinished');
  if (model !== undefined) parts.push(model);
  if (tokens?.output !== undefined) parts.push(`${tokens.output.toLocaleString('en')} tokens`);
  return parts;
}
