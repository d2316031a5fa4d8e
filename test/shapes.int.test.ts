import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GraphNode, Json, RunEvent } from '@millrace/protocol';
import { createWorker, task, type Worker } from '@millrace/worker';
import { createServer, type Server } from 'millrace';
import { afterAll, beforeAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'millrace-shapes-'));
const ada = { tenant: 'default', by: 'user:ada' };
let server: Server;
let worker: Worker;

beforeAll(async () => {
  server = await createServer({ env: {}, data: folder, port: 0, logLevel: 'silent' });
  const sum = task<Json>('sum', (_ctx, input) => 1 + total(input));
  worker = createWorker({ link: server.localLink(), tasks: [sum], concurrency: 32 });
  await worker.start();
});
afterAll(async () => {
  await worker.stop();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function total(input: Json): number {
  if (typeof input === 'number') return input;
  return typeof input === 'object' && input !== null
    ? Object.values(input).reduce<number>((all, one) => all + total(one), 0)
    : 0;
}

const node = (id: string, ...needs: string[]): GraphNode => ({
  id,
  task: 'sum',
  ...(needs.length > 0 ? { needs } : {}),
});

/** Layers of random width; each node needs one to three of the layer before, so that every layer hangs on the last. */
function layered(size: number, seed: number): GraphNode[] {
  let state = seed;
  const roll = (sides: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
  const nodes: GraphNode[] = [];
  for (let before: string[] = []; nodes.length < size; ) {
    const width = Math.min(1 + roll(40), size - nodes.length);
    const layer = Array.from({ length: width }, (_, index) => `n${nodes.length + index}`);
    for (const id of layer) {
      const needs = Array.from(
        { length: Math.min(1 + roll(3), before.length) },
        () => before[roll(before.length)] as string,
      );
      nodes.push(node(id, ...new Set(needs)));
    }
    before = layer;
  }
  return nodes;
}

const shapes: [string, GraphNode[], number?][] = [
  ['a chain', Array.from({ length: 100 }, (_, n) => (n === 0 ? node('n0') : node(`n${n}`, `n${n - 1}`))), 100],
  [
    'a fork and join',
    [
      node('fork'),
      ...Array.from({ length: 50 }, (_, n) => node(`b${n}`, 'fork')),
      node('join', ...Array.from({ length: 50 }, (_, n) => `b${n}`)),
    ],
    101,
  ],
  ['a diamond', [node('a'), node('b', 'a'), node('c', 'a'), node('d', 'b', 'c')], 5],
  ['map and reduce', [{ ...node('map'), forEach: '{% [1..40] %}' }, node('reduce', 'map')], 861],
  ['60 layered nodes', layered(60, 1)],
  ['500 layered nodes', layered(500, 2)],
  ['2,000 layered nodes', layered(2_000, 3)],
];

test.each(shapes)(
  '[CHA-5] %s: parents strictly before children, each node once',
  async (_, nodes, output) => {
    const { id: run } = await server.engine.create(ada, { workflow: 'shape', nodes, input: null });
    const summary = async () => (await server.store.runRow({ tenant: 'default', run }))?.summary;
    await expect.poll(summary, { timeout: 50_000, interval: 20 }).toMatchObject({ status: 'completed' });
    const page = await server.store.readLog({ tenant: 'default', run }, 0, { events: 100_000, bytes: 1e9 });
    const log = JSON.parse(`[${page?.text}]`) as RunEvent[];
    const times = new Map<string, { started: number[]; ended: number[] }>();
    for (const { type, node = '', seq } of log) {
      const of = times.get(node) ?? { started: [], ended: [] };
      if (type === 'node.started') of.started.push(seq);
      if (type === 'node.completed') of.ended.push(seq);
      times.set(node, of);
    }
    for (const { id, needs = [], forEach } of nodes) {
      const { started, ended } = times.get(id) ?? { started: [], ended: [] };
      expect([id, ended.length], 'each node ends once').toEqual([id, 1]);
      if (forEach === undefined) expect([id, started.length], 'each node starts once').toEqual([id, 1]);
      for (const need of needs) expect(times.get(need)?.ended[0], `${need} before ${id}`).toBeLessThan(started[0] ?? 0);
    }
    if (output !== undefined)
      expect((await server.engine.control({ tenant: 'default', run }))?.control.output).toBe(output);
  },
  60_000,
);
