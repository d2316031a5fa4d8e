import { defineCommand } from 'citty';
import type { Host } from './host.ts';
import { parseJson } from './json.ts';
import { printRun } from './tail.ts';
import { connect, targetArgs } from './target.ts';

export const retry = (host: Host) =>
  defineCommand({
    meta: { name: 'retry', description: 'Start a new run from what an ended one has left, and print its id' },
    args: {
      run: { type: 'positional', description: "the ended run's id", required: true },
      from: { type: 'string', description: 'failed, start, NODE or NODE/STEP', default: 'failed', valueHint: 'PLACE' },
      input: { type: 'string', description: "replaces the run's input; only from the start", valueHint: 'JSON' },
      follow: { type: 'boolean', description: 'print its events until it ends', alias: 'f' },
      ...targetArgs,
    },
    async run({ args }) {
      const input = args.input === undefined ? {} : { input: parseJson('--input', args.input) };
      const api = await connect(host, args);
      const path = `/api/runs/${encodeURIComponent(args.run)}/retry`;
      const { id } = await api.json<{ id: string }>('POST', path, { from: placeOf(args.from), ...input });
      console.log(id);
      if (args.follow && !(await printRun(api, id))) process.exitCode = 1;
    },
  });

/** No node is called `failed` or `start` here: whoever has one names a step of it, or asks over HTTP. */
function placeOf(text: string): string | { node: string; step?: string } {
  if (text === 'failed' || text === 'start') return text;
  const slash = text.indexOf('/');
  return slash < 0 ? { node: text } : { node: text.slice(0, slash), step: text.slice(slash + 1) };
}
