import type { Schedule } from '@millrace/protocol';
import { defineCommand } from 'citty';
import type { Host } from './host.ts';
import { paint } from './paint.ts';
import { connect, targetArgs } from './target.ts';
import { timeText } from './time-text.ts';

interface Listed extends Schedule {
  nextAt?: number;
  lastAt?: number;
  lastError?: { code: string; message: string };
}

export const schedules = (host: Host) =>
  defineCommand({
    meta: { name: 'schedules', description: 'List schedules with their next and last firing, or remove one' },
    args: {
      ...targetArgs,
      remove: { type: 'string', description: 'remove this one; its runs stay', valueHint: 'ID' },
      json: { type: 'boolean', description: 'as JSON' },
    },
    async run({ args }) {
      const api = await connect(host, args);
      if (args.remove !== undefined) {
        await api.send(`/api/schedules/${encodeURIComponent(args.remove)}`, { method: 'DELETE' });
        return console.log(`${args.remove}  removed`);
      }
      const answer = await api.json<{ schedules: Listed[] }>('GET', '/api/schedules');
      if (args.json) return console.log(JSON.stringify(answer.schedules, null, 2));
      for (const schedule of answer.schedules) console.log(scheduleLine(schedule));
      console.log(paint('gray', `${answer.schedules.length} in all`));
    },
  });

function scheduleLine({ id, workflow, cron, every, timezone, enabled, nextAt, lastAt, lastError }: Listed): string {
  const times = cron === undefined ? `every ${every} ms` : `${cron} ${timezone ?? 'UTC'}`;
  const next = enabled && nextAt !== undefined ? `next ${timeText(nextAt)}` : paint('yellow', 'off');
  const last = lastAt === undefined ? '' : paint('gray', `  last ${timeText(lastAt)}`);
  const error = lastError === undefined ? '' : paint('red', `  ${lastError.code}: ${lastError.message}`);
  return `${id}  ${workflow}  ${times}  ${next}${last}${error}`;
}
