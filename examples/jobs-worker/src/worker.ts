import { createWorker } from '@millrace/worker';
import { searchWorkflow } from './search.ts';

const { MILLRACE_URL: url = 'http://localhost:4600', MILLRACE_TOKEN: token } = process.env;
if (!token) {
  console.error('Set MILLRACE_TOKEN to a token of a worker: `npx millrace token --role worker` prints one.');
  process.exit(1);
}

const worker = createWorker({
  url,
  token,
  workflows: [searchWorkflow],
  onError: (error, during) => console.error(`${during}: ${error instanceof Error ? error.message : String(error)}`),
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    worker.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
}

await worker.start();
console.log(`The worker ${worker.id} (pid ${process.pid}) takes work from ${url}.`);
