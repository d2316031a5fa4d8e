// Server, worker and producer in one process, as an application that embeds Millrace has them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorker, task, type WorkerLink, workflow } from '@millrace/worker';
import { createServer } from 'millrace';
import { contendWithSteps, type Mark, type StepRequest } from '../harness/step-load.ts';
import { type StoreName, storeEnv } from './millrace-store.ts';

const caller = { tenant: 'default', by: 'user:bench' };

export interface StoredStepRequest extends StepRequest {
  store: StoreName;
}

await contendWithSteps<StoredStepRequest>(async ({ inFlight, store }, onClose) => {
  const { env, settings } = await storeEnv(store, onClose);
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  onClose(() => rmSync(folder, { recursive: true, force: true }));
  const server = await createServer({ env, data: folder, port: 0, logLevel: 'silent' });
  onClose(() => server.close());
  const ends = new Map<number, () => void>();
  const marks = new Map<number, Mark>();
  let runs = 0;
  const handler = task<{ n: number; steps: number }, { n: number }>('steps', async (ctx, { n, steps }) => {
    const mark = marks.get(n);
    for (let step = 0; step < steps; step++) {
      await ctx.step('add', () => step, { key: String(step) });
      mark?.();
    }
    return { n };
  });
  const worker = createWorker({
    link: telling(server.localLink(), (n) => ends.get(n)?.()),
    workflows: [workflow('steps', { task: handler })],
    concurrency: inFlight,
  });
  await worker.start();
  return {
    settings: `${settings}, embedded, worker concurrency ${inFlight}`,
    async run(steps, mark) {
      const n = runs++;
      if (mark) marks.set(n, mark);
      const ended = new Promise<void>((resolve) => ends.set(n, resolve));
      await server.engine.create(caller, { workflow: 'steps', input: { n, steps } });
      await ended;
      ends.delete(n);
    },
    async check(workflows, steps) {
      const { rows, total } = await server.store.runRows({
        ...{ tenant: caller.tenant, status: ['completed'], limit: workflows },
      });
      // A step writes two events, and a run four.
      const events = rows.reduce((sum, { head }) => sum + head, 0);
      if (total !== workflows || events !== 4 * workflows + 2 * steps) {
        throw new Error(`${total} of ${workflows} runs are complete, with ${events} events.`);
      }
    },
    close: () => worker.stop(),
  };
});

/** A link that tells when a run's end is acknowledged, which is when it is committed. */
function telling(link: WorkerLink, ended: (n: number) => void): WorkerLink {
  return {
    ...link,
    async append(lease, sequence, events) {
      const answer = await link.append(lease, sequence, events);
      for (const event of events) {
        if (event.type === 'node.completed') ended((event.data.output as unknown as { n: number }).n);
      }
      return answer;
    },
  };
}
