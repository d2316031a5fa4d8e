// Redis is a process of its own; producer and worker share this one, so a job's end is known without a message.
import { Queue, Worker } from 'bullmq';
import { contendWithJobs, type Job } from '../../harness/job-load.ts';
import { startRedis } from '../../harness/redis.ts';

await contendWithJobs(async (hooks, { inFlight }, onClose) => {
  const redis = await startRedis(onClose);
  const connection = { host: '127.0.0.1', port: redis.port, maxRetriesPerRequest: null };
  const queue = new Queue<Job>('job', { connection });
  const worker = new Worker<Job>(
    'job',
    async ({ data }) => {
      hooks.started(data.n);
      return { n: data.n };
    },
    { connection, concurrency: inFlight },
  );
  worker.on('completed', ({ data }) => hooks.completed(data.n));
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  return {
    settings: `${redis.settings}, worker concurrency ${inFlight}`,
    add: (job) => queue.add('job', job),
    count: () => queue.getCompletedCount(),
    async close() {
      await worker.close();
      await queue.close();
    },
  };
});
