import { defineCommand } from 'citty';
import type { Host } from './host.ts';
import { paint } from './paint.ts';
import { connect, targetArgs } from './target.ts';
import { timeText } from './time-text.ts';

interface Wait {
  run: string;
  id: string;
  kind: 'approval' | 'input';
  workflow: string;
  title: string;
  requestedAt: number;
  timeoutAt?: number;
}

/** What waits for people, one a line. */
export const inbox = (host: Host) =>
  defineCommand({
    meta: { name: 'inbox', description: 'List the approvals and inputs that runs wait for, oldest first' },
    args: {
      ...targetArgs,
      workflow: { type: 'string', description: 'of this workflow only' },
      kind: { type: 'string', description: 'approval or input', valueHint: 'approval|input' },
      limit: { type: 'string', description: 'how many', default: '50' },
      json: { type: 'boolean', description: 'as JSON' },
    },
    async run({ args }) {
      const api = await connect(host, args);
      const query = new URLSearchParams({ limit: args.limit });
      if (args.workflow !== undefined) query.set('workflow', args.workflow);
      if (args.kind !== undefined) query.set('kind', args.kind);
      const { waits, next } = await api.json<{ waits: Wait[]; next?: string }>('GET', `/api/inbox?${query}`);
      if (args.json) return console.log(JSON.stringify(waits, null, 2));
      for (const wait of waits) console.log(waitLine(wait));
      if (waits.length === 0) console.log(paint('gray', 'nothing waits for an answer'));
      if (next !== undefined) console.log(paint('gray', 'there are more'));
    },
  });

function waitLine({ run, id, kind, workflow, title, requestedAt, timeoutAt }: Wait): string {
  const until = timeoutAt === undefined ? '' : paint('yellow', `  until ${timeText(timeoutAt)}`);
  return `${run}  ${paint('gray', timeText(requestedAt))}  ${workflow}  ${kind} ${id}  ${title}${until}`;
}
