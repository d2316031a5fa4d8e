import { task } from '@millrace/worker';
import type { Answered } from './answer-task.ts';

export interface Approval {
  approved: boolean;
  decision: string;
  comment?: string;
  by?: string;
}

/** Shows the answer to a person. While it waits, however long, no worker is held. */
export const approveTask = task(
  'ask-docs.approve',
  async (ctx, { answer: { question, answer, sources } }: { answer: Answered }): Promise<Approval> =>
    ctx.approval('publish', {
      title: `Write the report on “${question}”`,
      details: { answer, sources: sources.map(({ n, file, heading }) => ({ n, file, heading })) },
    }),
);
