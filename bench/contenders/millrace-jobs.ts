// Server, worker and producer in one process, as an application that embeds Millrace has them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorker, task, type WorkerLink, workflow } from '@millrace/worker';
import { createServer, type Server } from 'millrace';
import { contendWithJobs, type Job, type JobHooks, type JobRequest } from '../harness/job-load.ts';
import { type StoreName, storeEnv } from './millrace-store.ts';

/** A job's log: run.created, node.started, node.completed, run.completed. */
const EVENTS = 4;
const caller = { tenant: 'default', by: 'user:bench' };

export interface StoredJobRequest extends JobRequest {
  store: StoreName;
}

await contendWithJobs<StoredJobRequest>(async (hooks, { inFlight, store }, onClose) => {
  const { env, settings } = await storeEnv(store, onClose);
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  onClose(() => rmSync(folder, { recursive: true, force: true }));
  const server = await createServer({ env, data: folder, port: 0, logLevel: 'silent' });
  onClose(() => server.close());
  const handler = task<Job, { n: number }>('job', (_ctx, { n }) => {
    hooks.started(n);
    return { n };
  });
  const worker = createWorker({
    link: telling(server.localLink(), hooks),
    workflows: [workflow('job', { task: handler })],
    concurrency: inFlight,
  });
  await worker.start();
  const completed = { tenant: caller.tenant, status: ['completed' as const] };
  return {
    settings: `${settings}, embedded, worker concurrency ${inFlight}`,
    add: (job) => server.engine.create(caller, { workflow: 'job', input: { ...job } }),
    count: async () => (await server.store.runRows({ ...completed, limit: 1 })).total,
    check: () => checkLogs(server),
    close: () => worker.stop(),
  };
});

/** A link that tells when a job's end is acknowledged, which is when it is committed. */
function telling(link: WorkerLink, hooks: JobHooks): WorkerLink {
  return {
    ...link,
    async append(lease, sequence, events) {
      const answer = await link.append(lease, sequence, events);
      for (const event of events) {
        if (event.type === 'node.completed') hooks.completed((event.data.output as unknown as { n: number }).n);
      }
      return answer;
    },
  };
}

/** Every run has its whole log. */
async function checkLogs({ store }: Server): Promise<void> {
  for (let before: string | undefined; ; ) {
    const page = { tenant: caller.tenant, limit: 1_000, ...(before === undefined ? {} : { before }) };
    const { rows } = await store.runRows(page);
    for (const { run, head, ended } of rows) {
      if (head !== EVENTS || !ended) throw new Error(`The run ${run} has ${head} events, not ${EVENTS}.`);
    }
    before = rows.at(-1)?.run;
    if (before === undefined) return;
  }
}
