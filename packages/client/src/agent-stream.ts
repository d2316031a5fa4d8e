import type { AgentMessage, ToolCall } from '@millrace/protocol/view';
import type { RunSnapshot } from './run-store.ts';
import type { Store } from './store.ts';
import type { Continuity } from './subscription.ts';

export interface AgentStream {
  /** the newest message's text, growing while `streaming` */
  readonly text: string;
  readonly thinking: string;
  readonly streaming: boolean;
  /** of all messages, oldest first */
  readonly toolCalls: readonly ToolCall[];
  /** oldest first, without what a newer attempt has retracted */
  readonly messages: readonly AgentMessage[];
  /** of the run's store */
  readonly continuity: Continuity;
}

/**
 * What the agents of a run say, or one of them. It follows the whole run: a subscription to an agent's events alone would
 * not hear of the attempt that retracts them. The same object until something of these agents changes.
 */
export class AgentStreamStore implements Store<AgentStream> {
  readonly #run: Store<RunSnapshot>;
  readonly #agentId: string | undefined;
  #seen: RunSnapshot | undefined;
  #stream: AgentStream = streamOf([], 'complete');

  constructor(run: Store<RunSnapshot>, agentId?: string) {
    this.#run = run;
    this.#agentId = agentId;
  }

  subscribe(listener: () => void): () => void {
    return this.#run.subscribe(listener);
  }

  getSnapshot(): AgentStream {
    const run = this.#run.getSnapshot();
    if (run === this.#seen) return this.#stream;
    this.#seen = run;
    const { view, continuity } = run;
    const shown = Object.values(view?.content.messages ?? {}).filter(
      ({ superseded, agentId }) => !superseded && (this.#agentId === undefined || agentId === this.#agentId),
    );
    const { messages, continuity: before } = this.#stream;
    const isSame =
      before === continuity && shown.length === messages.length && shown.every((one, at) => one === messages[at]);
    if (!isSame) this.#stream = streamOf(shown, continuity);
    return this.#stream;
  }
}

function streamOf(messages: readonly AgentMessage[], continuity: Continuity): AgentStream {
  const newest = messages.findLast(({ role }) => role === 'assistant');
  return {
    text: newest?.text ?? '',
    thinking: newest?.thinking ?? '',
    streaming: newest?.status === 'streaming',
    toolCalls: messages.flatMap(({ tools }) => tools),
    messages,
    continuity,
  };
}
