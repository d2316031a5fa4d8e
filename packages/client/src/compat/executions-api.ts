import type { Json } from '@millrace/protocol/json';
import type { Client } from '../client.ts';

export interface ExecutionsApi {
  /** Starts an execution of a workflow. Rejects as `client.api.start` does: workflow_not_found, input_invalid, … */
  execute(what: { workflowId: string; input?: Json }): Promise<{ id: string }>;
  /** Asks for its end. Rejects as `client.api.command` does: run_not_found, run_ended, … */
  stop(executionId: string): Promise<void>;
}

/** Executions over HTTP, by the words of a page that knows only these two. */
export function createExecutionsApi({ api }: Client): ExecutionsApi {
  return {
    async execute({ workflowId, input = null }) {
      const { id } = await api.start({ workflow: workflowId, input });
      return { id };
    },
    async stop(executionId) {
      await api.command(executionId, { type: 'cancel' });
    },
  };
}
