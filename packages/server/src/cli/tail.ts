import { defineCommand } from 'citty';
import type { Api } from './api.ts';
import { eventLine } from './event-line.ts';
import { follow } from './follow.ts';
import type { Host } from './host.ts';
import { paint } from './paint.ts';
import { connect, targetArgs } from './target.ts';

/** Prints a run's events as they come, until it ends; resolves with whether it ended well. */
export async function printRun(
  api: Api,
  run: string,
  options: { after?: string; json?: boolean } = {},
): Promise<boolean> {
  const onConnection = (state: 'lost' | 'back') =>
    console.error(paint('yellow', state === 'lost' ? 'The server is gone; waiting for it…' : 'The server is back.'));
  let last = '';
  for await (const event of follow(api, run, { ...options, onConnection })) {
    console.log(options.json ? JSON.stringify(event) : eventLine(event));
    last = event.type;
  }
  return last !== 'run.failed' && last !== 'run.cancelled';
}

export const tail = (host: Host) =>
  defineCommand({
    meta: { name: 'tail', description: 'Follow a run live, from its first event or a cursor, until it ends' },
    args: {
      run: { type: 'positional', description: "the run's id", required: true },
      after: { type: 'string', description: 'a cursor, or a bare seq', valueHint: 'CURSOR' },
      json: { type: 'boolean', description: 'one JSON object a line' },
      ...targetArgs,
    },
    async run({ args }) {
      const api = await connect(host, args);
      const well = await printRun(api, args.run, {
        ...(args.after === undefined ? {} : { after: args.after }),
        ...(args.json ? { json: true } : {}),
      });
      if (!well) process.exitCode = 1;
    },
  });
