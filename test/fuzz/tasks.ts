import type { Clock } from '@millrace/protocol';
import { NonRetryable, type TaskContext, task, type WorkflowDefinition, workflow } from '@millrace/worker';
import type { Dice } from '../chaos/dice.ts';

/** What a handler does, one thing after the other. It stands in the run's input, so that a replay does the same. */
export type Deed =
  | { do: 'log'; count: number; bytes: number }
  | { do: 'tokens'; count: number }
  | { do: 'step' | 'approval' | 'input' | 'child' | 'checkpoint' | 'usage' | 'file' }
  | { do: 'sleep' | 'work'; ms: number }
  | { do: 'fail'; attempts: number };

export interface Plan {
  a: Deed[];
  b: Deed[];
  c: Deed[];
}

/** The plans that worlds run: some of everything that makes events, and everything that makes a run wait. */
export function plan(dice: Dice, deep = true): Plan {
  const deeds = () => Array.from({ length: dice.between(1, 4) }, () => deed(dice, deep));
  return { a: deeds(), b: deeds(), c: deeds() };
}

function deed(dice: Dice, deep: boolean): Deed {
  const kinds = ['log', 'log', 'tokens', 'step', 'work', 'work', 'sleep', 'approval', 'input', 'checkpoint', 'usage'];
  const kind = dice.pick([...kinds, 'file', 'fail', ...(deep ? ['child'] : [])]) as Deed['do'];
  switch (kind) {
    case 'log':
      return { do: kind, count: dice.between(1, 30), bytes: dice.chance(0.2) ? 4_000 : 20 };
    case 'tokens':
      return { do: kind, count: dice.between(5, 60) };
    case 'sleep':
    case 'work':
      return { do: kind, ms: dice.between(10, 3_000) };
    case 'fail':
      return { do: kind, attempts: dice.between(1, 3) };
    default:
      return { do: kind };
  }
}

/** The tasks and the workflows of a world: a chain with a fork, whose nodes carry out the plan in the input. */
export function workload(clock: Clock): WorkflowDefinition[] {
  const part = (name: keyof Plan) =>
    task<Plan | { a: Plan }>(`part-${name}`, async (ctx, input) => {
      // A node without needs gets the run's input; one with needs their outputs, by id.
      const plan = 'b' in input ? input : input.a;
      for (const [place, one] of plan[name].entries()) await carryOut(ctx, one, `${name}${place}`, clock);
      return plan;
    });
  const [a, b, c] = [part('a'), part('b'), part('c')];
  const retry = { attempts: 3, delay: 200 };
  const chain = workflow('chain', {
    nodes: { a: { task: a, retry }, b: { task: b, retry, needs: ['a'] }, c: { task: c, retry, needs: ['a'] } },
  });
  const single = workflow('single', { nodes: { a: { task: a, retry } } });
  return [chain, single];
}

async function carryOut(ctx: TaskContext, deed: Deed, name: string, clock: Clock): Promise<void> {
  switch (deed.do) {
    case 'log':
      for (let n = 0; n < deed.count; n++) ctx.log.info(`${name} line ${n} ${'x'.repeat(deed.bytes)}`);
      return;
    case 'tokens':
      await ctx.agent(name, () => tokens(deed.count));
      return;
    case 'step':
      await ctx.step(name, async (step) => {
        await pause(clock, 5, step.signal);
        ctx.progress(50, name);
        return { name };
      });
      return;
    case 'work':
      return pause(clock, deed.ms, ctx.signal);
    case 'sleep':
      return ctx.sleep(name, deed.ms);
    case 'approval':
      await ctx.approval(name, { title: `May ${name}?`, timeout: 20_000, onTimeout: 'approve' });
      return;
    case 'input':
      await ctx.input(name, { prompt: `What is ${name}?`, timeout: 20_000, default: 'nothing' });
      return;
    case 'child':
      await ctx
        .run(name, 'single', { a: [{ do: 'log', count: 3, bytes: 10 }], b: [], c: [] } satisfies Plan)
        .catch(() => {});
      return;
    case 'checkpoint':
      return ctx.checkpoint(name, { name });
    case 'usage':
      return ctx.usage({ model: 'm', inputTokens: 3, outputTokens: 5, cost: { amount: 0.01, currency: 'USD' } });
    case 'file':
      await ctx.file(`${name}.txt`, `the file of ${name}`, { type: 'text/plain' });
      return;
    case 'fail':
      if (ctx.attempt <= deed.attempts) throw deed.attempts > 2 ? new NonRetryable('never') : new Error('not yet');
  }
}

async function* tokens(count: number): AsyncGenerator<unknown> {
  for (let n = 0; n < count; n++) {
    if (n % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    yield { type: 'text-delta', text: `word${n} ` };
  }
  yield { type: 'finish', finishReason: 'stop', totalUsage: { inputTokens: 1, outputTokens: count } };
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
