import pg from 'pg';

/** As on the project's own performance page: https://worker.graphile.org/docs/performance */
export const worker = {
  ...{ concurrentJobs: 24, maxPoolSize: 25 },
  ...{ localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
};

/** A pool of that size, which is gone before Postgres goes. */
export function openPool(url: string, onClose: (close: () => unknown) => void): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: worker.maxPoolSize });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  onClose(() => pool.end());
  return pool;
}
