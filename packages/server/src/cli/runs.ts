import type { RunSummary } from '@millrace/protocol';
import { defineCommand } from 'citty';
import type { Host } from './host.ts';
import { paint, paintStatus } from './paint.ts';
import { connect, targetArgs } from './target.ts';
import { timeText } from './time-text.ts';

/** The newest runs, one a line. */
export const runs = (host: Host) =>
  defineCommand({
    meta: { name: 'runs', description: 'List runs, newest first' },
    args: {
      ...targetArgs,
      workflow: { type: 'string', description: 'of this workflow only' },
      status: { type: 'string', description: 'of these statuses only, separated by commas' },
      limit: { type: 'string', description: 'how many', default: '20' },
      json: { type: 'boolean', description: 'as JSON' },
    },
    async run({ args }) {
      const api = await connect(host, args);
      const query = new URLSearchParams({ limit: args.limit });
      if (args.workflow !== undefined) query.set('workflow', args.workflow);
      if (args.status !== undefined) query.set('status', args.status);
      const answer = await api.json<{ runs: RunSummary[]; total: number }>('GET', `/api/runs?${query}`);
      if (args.json) return console.log(JSON.stringify(answer.runs, null, 2));
      for (const run of answer.runs) console.log(runLine(run));
      const hidden = answer.total - answer.runs.length;
      console.log(paint('gray', hidden > 0 ? `${hidden} more` : `${answer.total} in all`));
    },
  });

function runLine({ id, workflow, status, detail, createdAt, nodes, openWaits }: RunSummary): string {
  const state = `${paintStatus(status)}${detail === undefined ? '' : ` (${detail})`}`;
  const waits = openWaits > 0 ? paint('yellow', `  waits for ${openWaits}`) : '';
  return `${id}  ${paint('gray', timeText(createdAt))}  ${workflow}  ${state}  ${nodes.ended}/${nodes.total}${waits}`;
}
