/** As on the project's own performance page: https://worker.graphile.org/docs/performance */
export const worker = {
  ...{ concurrentJobs: 24, maxPoolSize: 25 },
  ...{ localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
};
