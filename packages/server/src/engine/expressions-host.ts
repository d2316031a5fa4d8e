import { Worker } from 'node:worker_threads';

/**
 * The process around the expressions' thread. Its own thread only passes messages on, so it notices at once when
 * the server is gone, whatever an expression is doing.
 */
process.on('disconnect', () => process.exit());

let thread: Worker | undefined;

function start(memory: number): Worker {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const made = new Worker(new URL(`./expressions-thread.${ending}`, import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: memory, maxYoungGenerationSizeMb: 16 },
  });
  made.on('message', (result: unknown) => process.send?.(result));
  made.on('error', () => process.exit(1));
  return made;
}

process.on('message', (message: { memory: number } | { kind: string }) => {
  if ('memory' in message) thread = start(message.memory);
  else thread?.postMessage(message);
});
