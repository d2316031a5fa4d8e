import type { ToolCall } from '@millrace/protocol/view';
import { type AgentStream, AgentStreamStore } from '../agent-stream.ts';
import type { Client } from '../client.ts';
import { Listeners, type Store } from '../store.ts';
import { NewestAgentRun } from './newest-agent-run.ts';

export interface AgentStreaming {
  /** the run that it speaks in; undefined while none is known */
  readonly executionId: string | undefined;
  /** what it says, or has said last */
  readonly response: string;
  readonly streaming: boolean;
  /** oldest first */
  readonly toolCalls: readonly ToolCall[];
}

const none: AgentStreaming = { executionId: undefined, response: '', streaming: false, toolCalls: [] };

/** What an agent says in one execution; without one, in the newest visible run in which it speaks. */
export class AgentStreamingStore implements Store<AgentStreaming> {
  readonly #client: Client;
  readonly #agentId: string;
  readonly #newest: NewestAgentRun | undefined;
  readonly #listeners = new Listeners();
  #executionId: string | undefined;
  #stream: AgentStreamStore | undefined;
  #seen: AgentStream | undefined;
  #snapshot = none;
  #leave: (() => void)[] = [];

  constructor(client: Client, agentId: string, executionId?: string) {
    this.#client = client;
    this.#agentId = agentId;
    this.#newest = executionId === undefined ? new NewestAgentRun(client, agentId) : undefined;
    this.#point(executionId);
  }

  getSnapshot(): AgentStreaming {
    const now = this.#stream?.getSnapshot();
    if (!now || now === this.#seen) return this.#snapshot;
    this.#seen = now;
    const { text, streaming, toolCalls } = now;
    this.#snapshot = { executionId: this.#executionId, response: text, streaming, toolCalls };
    return this.#snapshot;
  }

  subscribe(listener: () => void): () => void {
    const remove = this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#begin();
    return () => {
      remove();
      if (this.#listeners.size === 0) for (const leave of this.#leave.splice(0)) leave();
    };
  }

  #begin(): void {
    let leaveStream = this.#follow();
    this.#leave = [() => leaveStream()];
    const newest = this.#newest;
    if (!newest) return;
    const look = () => {
      const id = newest.getSnapshot();
      if (id === this.#executionId) return;
      this.#point(id);
      const before = leaveStream;
      leaveStream = this.#follow();
      before();
      this.#listeners.tell();
    };
    this.#leave.push(newest.subscribe(look));
    look();
  }

  #point(executionId: string | undefined): void {
    this.#executionId = executionId;
    this.#stream =
      executionId === undefined ? undefined : new AgentStreamStore(this.#client.run(executionId), this.#agentId);
  }

  #follow(): () => void {
    return this.#stream?.subscribe(() => this.#listeners.tell()) ?? (() => {});
  }
}
