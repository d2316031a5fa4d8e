import { task } from '@millrace/worker';
import type { Answered } from './answer-task.ts';
import type { Approval } from './approve-task.ts';
import { writeReport } from './report.ts';

/** Writes the approved answer as report.md. */
export const reportTask = task(
  'ask-docs.report',
  async (ctx, { answer: { sources, ...facts }, approve }: { answer: Answered; approve: Approval }) => {
    await ctx.file('report.md', writeReport({ ...facts, passages: sources, approval: approve }), {
      type: 'text/markdown',
    });
    return { report: 'report.md', sources: sources.map(({ file, heading }) => ({ file, heading })) };
  },
);
