import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { type StepContext, type TaskContext, task, workflow } from '@millrace/worker';
import type { FaultPoints } from './fault-points.ts';

/** Every kind of thing that a crash may hit: steps side by side, a forEach, an approval, a sleep and child runs. */
export function workload(points: FaultPoints, effects: string) {
  /** A step's effect on another system: one line under its idempotency key, on the disk before it answers. */
  const effect = (ctx: TaskContext, name: string, value: string, key?: string): Promise<string> =>
    ctx.step(
      name,
      (step: StepContext) => {
        points.reach('effect:before');
        const file = openSync(effects, 'a');
        writeSync(file, `${[step.idempotencyKey, ctx.attempt, value].join('\t')}\n`);
        fsyncSync(file);
        closeSync(file);
        points.reach('effect:after');
        return value;
      },
      key === undefined ? {} : { key },
    );

  const prepare = task<{ words: string[] }>('prepare', async (ctx, { words }) => {
    ctx.log.info('preparing');
    const first = await effect(ctx, 'first', 'one');
    const rest = await Promise.all(words.map((word) => effect(ctx, 'word', word.toUpperCase(), word)));
    await ctx.checkpoint('prepared', rest);
    return [first, ...rest];
  });
  const item = task<string>('item', (ctx, word) => effect(ctx, 'item', `${word}!`));
  const gate = task('gate', async (ctx) => {
    const draft = await effect(ctx, 'draft', 'a draft');
    const { decision } = await ctx.approval('publish', { title: 'Publish?', details: draft });
    await ctx.sleep('settle', 60);
    const { proof } = await ctx.run<{ proof: string }>('proof', 'little', { of: draft });
    return [decision, proof, await effect(ctx, 'published', 'out')];
  });
  const little = task<{ of: string }>('little', async (ctx, { of }) => ({
    proof: await effect(ctx, 'prove', `proof of ${of}`),
  }));

  return [
    workflow('little', { task: little }),
    workflow('everything', {
      nodes: {
        prepare: { task: prepare },
        each: { task: item, needs: ['prepare'], forEach: '{% needs.prepare %}' },
        child: { workflow: 'little', needs: ['prepare'], input: { of: '{% needs.prepare[0] %}' } },
        gate: { task: gate, needs: ['each', 'child'] },
      },
    }),
  ];
}

export const INPUT = { words: ['two', 'three'] };
