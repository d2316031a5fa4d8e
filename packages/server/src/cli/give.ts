import type { RunSummary } from '@millrace/protocol';
import { defineCommand } from 'citty';
import type { Host } from './host.ts';
import { paintStatus } from './paint.ts';
import { connect, targetArgs } from './target.ts';

const give = (type: 'pause' | 'resume' | 'cancel', description: string) => (host: Host) =>
  defineCommand({
    meta: { name: type, description },
    args: {
      run: { type: 'positional', description: "the run's id", required: true },
      reason: { type: 'string', description: 'why; it stands in the log', valueHint: 'TEXT' },
      ...targetArgs,
    },
    async run({ args }) {
      const api = await connect(host, args);
      const { status, detail } = await api.json<Pick<RunSummary, 'status' | 'detail'>>(
        ...(['POST', `/api/runs/${encodeURIComponent(args.run)}/${type}`] as const),
        args.reason === undefined ? {} : { reason: args.reason },
      );
      console.log(`${args.run}  ${paintStatus(status)}${detail === undefined ? '' : ` (${detail})`}`);
    },
  });

export const pause = give('pause', 'Pause a running run: nothing new is started in it');
export const resume = give('resume', 'Resume a paused run');
export const cancel = give('cancel', 'Cancel a run that has not ended');
