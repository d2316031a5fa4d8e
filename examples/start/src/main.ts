import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createWorker, MillraceError } from '@millrace/worker';
import { createServer, version } from 'millrace';
import { chooseEmbedder, chooseModel } from './ask-docs/model.ts';
import { askDocs } from './ask-docs/workflow.ts';
import { readCommandLine } from './command-line.ts';

/** ms between two words of the extractive model, so that its answer can be seen to come */
const PACE = 15;
const TOKEN_SECONDS = 30 * 24 * 3600;

/** Server, console and the worker of ask-docs in one process, on loopback alone: ask-docs reads folders of this machine. */
async function main(): Promise<void> {
  const { folder, example } = await readCommandLine(process.argv.slice(2), process.env.INIT_CWD ?? process.cwd());
  const model = chooseModel(process.env, (signal) => pause(PACE, undefined, { signal }));
  const embedder = chooseEmbedder(process.env);

  const server = await createServer({ host: '127.0.0.1', signals: true });
  const files = server.localLink();
  const worker = createWorker({
    link: files,
    workflows: [askDocs({ folder, example, model, embedder, files })],
    concurrency: 4,
    onError: (error, during) => console.error(`The worker failed at ${during}:`, error),
  });
  server.onClose(() => worker.stop());
  await worker.start();

  const token = await server.token({ sub: 'admin', roles: ['admin'] }, TOKEN_SECONDS);
  console.log(`Millrace ${version} is up. Open this address and start ask-docs:

  ${server.url}/?token=${token}

  documents  ${folder}
  model      ${model.name}${embedder ? `, embeddings of ${embedder.name}` : ''}
  data       ${resolve(server.config.data)}
  pid        ${process.pid}

Ctrl+C stops it; runs go on where they were when it is started again.`);
}

function fail(error: unknown): void {
  console.error(error instanceof Error ? error.message : String(error));
  if (error instanceof MillraceError && !error.message.includes(error.row.fix)) console.error(error.row.fix);
  process.exit(1);
}

main().catch(fail);
