import { setTimeout as wait } from 'node:timers/promises';
import { task, workflow } from '@millrace/worker';

export interface HelloInput {
  name: string;
  /** default 5 */
  steps?: number;
  /** ms that a step takes; default 1,000 */
  stepMs?: number;
}

/** Greets somebody, slowly: each step that has finished stays finished, whoever runs the next. */
export const hello = task('hello', async (ctx, { name, steps = 5, stepMs = 1_000 }: HelloInput) => {
  ctx.log.info(`Greeting ${name} in ${steps} steps.`);
  for (let n = 1; n <= steps; n += 1) {
    const done = await ctx.step(
      'prepare',
      async ({ signal }) => {
        ctx.log.info(`Preparing part ${n} of ${steps}.`, { pid: process.pid });
        await wait(stepMs, undefined, { signal });
        return { part: n, pid: process.pid };
      },
      { key: `${n}` },
    );
    ctx.progress(Math.round((100 * done.part) / steps), `${done.part} of ${steps}`);
  }
  return { greeting: `Hello, ${name}!` };
});

export const helloWorkflow = workflow('hello', {
  title: 'Say hello, slowly',
  description: 'A job of a few slow steps, for watching and for killing workers.',
  input: {
    type: 'object',
    required: ['name'],
    additionalProperties: false,
    properties: {
      name: { type: 'string', title: 'Name', minLength: 1, maxLength: 200 },
      steps: { type: 'integer', title: 'Steps', minimum: 1, maximum: 1_000, default: 5 },
      stepMs: { type: 'integer', title: 'Milliseconds per step', minimum: 0, maximum: 600_000, default: 1_000 },
    },
  },
  example: { name: 'Ada', steps: 5, stepMs: 1_000 },
  task: hello,
});
