import { defineCommand } from 'citty';
import type { Host } from './host.ts';
import { parseJson } from './json.ts';
import { printRun } from './tail.ts';
import { connect, targetArgs } from './target.ts';

export const trigger = (host: Host) =>
  defineCommand({
    meta: { name: 'trigger', description: 'Start a run of a workflow and print its id' },
    args: {
      workflow: { type: 'positional', description: "the workflow's name", required: true },
      input: { type: 'string', description: 'the input, as JSON', valueHint: 'JSON' },
      key: { type: 'string', description: 'idempotency key: the same key and body start one run', valueHint: 'KEY' },
      follow: { type: 'boolean', description: 'print its events until it ends', alias: 'f' },
      ...targetArgs,
    },
    async run({ args }) {
      const body = {
        workflow: args.workflow,
        ...(args.input === undefined ? {} : { input: parseJson('--input', args.input) }),
        ...(args.key === undefined ? {} : { options: { idempotencyKey: args.key } }),
      };
      const api = await connect(host, args);
      const { id } = await api.json<{ id: string }>('POST', '/api/runs', body);
      console.log(id);
      if (args.follow && !(await printRun(api, id))) process.exitCode = 1;
    },
  });
