import type { LeaseRef, RunEvent } from '@millrace/protocol';
import type { Random } from './backoff.ts';
import { nextTurn } from './clock.ts';
import { task } from './task.ts';

/** mulberry32: the same numbers for the same seed. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const DOCS = ['a', 'b', 'c', 'd', 'e', 'f'];

/** The map of two steps, whose every execution answers something else; `dies` may end the worker inside a step. */
export function embedAll(random: Random, dies: (lease: LeaseRef) => Promise<void>) {
  let executions = 0;
  return task('embed', (ctx, docs: string[]) => {
    const { runId: run, node, attempt } = ctx;
    const work = async (): Promise<number> => {
      for (let turns = Math.floor(random() * 6); turns > 0; turns -= 1) await new Promise<void>((go) => nextTurn(go));
      if (random() < 0.04) await dies({ run, node, attempt });
      executions += 1;
      return executions;
    };
    return Promise.all(
      docs.map(async (d) => {
        const text = await ctx.step('fetch', async () => `${d}#${await work()}`, { key: d });
        return ctx.step('embed', async () => `[${text}]#${await work()}`, { key: d });
      }),
    );
  });
}

/** What the log says that each document's steps answered, and how often each finished. */
export function answersOf(events: readonly RunEvent[]) {
  const finished = events.filter((event) => event.type === 'step.completed');
  const of = (name: string, key: string) =>
    finished.filter(({ data }) => data.name === name && data.key === key).map(({ data }) => data.output);
  return DOCS.map((d) => ({ fetched: of('fetch', d), embedded: of('embed', d) }));
}
