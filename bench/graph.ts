// npm run bench -- graph [--rounds 5] [--store sqlite|memory]
// How a run's time grows with its graph: layered random graphs of 500 and 2,000 nodes through the real engine and a
// worker in the same process, from the creation to the last event. Ours only, as a ratio to itself: 4 would be linear.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { GraphNode } from '@millrace/protocol';
import { createWorker, task } from '@millrace/worker';
import { createServer } from 'millrace';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, store: { type: 'string', default: 'sqlite' } },
});
const rounds = Number(values.rounds);
const store = values.store === 'memory' ? 'memory' : 'sqlite';
const LAYER = 20;

/** `size` nodes in layers of 20, each of which needs two of the layer before. */
function layered(size: number, seed: number): GraphNode[] {
  let state = seed;
  const roll = (sides: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
  return Array.from({ length: size }, (_, n) => {
    const first = Math.floor(n / LAYER) * LAYER - LAYER;
    const needs = first < 0 ? [] : [...new Set([first + roll(LAYER), first + roll(LAYER)])].map((need) => `n${need}`);
    return { id: `n${n}`, task: 'pass', ...(needs.length > 0 ? { needs } : {}) };
  });
}

/** ms that the graph takes */
async function time(nodes: GraphNode[]): Promise<number> {
  const data = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const done = Promise.withResolvers<void>();
  const server = await createServer({
    ...{ env: {}, data, store, port: 0, logLevel: 'silent' },
    instrument: {
      bus(bus) {
        bus.subscribe('default/rows', (message) => {
          if (message.kind === 'row' && message.row.status === 'completed') done.resolve();
        });
        return bus;
      },
    },
  });
  const worker = createWorker({ link: server.localLink(), tasks: [task('pass', (ctx) => ctx.node)], concurrency: 64 });
  await worker.start();
  try {
    const began = performance.now();
    await server.engine.create({ tenant: 'default', by: 'user:bench' }, { workflow: 'graph', nodes });
    await done.promise;
    return performance.now() - began;
  } finally {
    await worker.stop();
    await server.close();
    rmSync(data, { recursive: true, force: true });
  }
}

function median(list: number[]): number {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] as number;
}

const small: number[] = [];
const large: number[] = [];
// What a young process learns in its first run is no part of the figure.
await time(layered(2_000, rounds));
for (let round = 0; round < rounds; round++) {
  small.push(await time(layered(500, round)));
  large.push(await time(layered(2_000, round)));
}
const ratio = median(large.map((ms, round) => ms / (small[round] as number)));
console.log(`graph: layered random graphs, ${store}, medians of ${rounds} interleaved rounds`);
console.log(
  `500 nodes ${Math.round(median(small))} ms · 2,000 nodes ${Math.round(median(large))} ms · t(2,000)/t(500) ${ratio.toFixed(2)} (target ≤ 5)`,
);
