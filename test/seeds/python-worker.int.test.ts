import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Producer, ServerProcess } from './server-process.ts';
import { sign } from './token.ts';

const patience = { timeout: 15_000, interval: 20 };
const program = join(import.meta.dirname, '../../examples/python-worker/worker.py');
const text = 'Snow falls. Rivers carry water, and water feeds rivers.\n\nStone is slow. Stone keeps what stone was.';
('Rivers carry water. Rivers shape land, and water shapes rivers.\n\nStone is slow. Stone keeps what stone was.');

/** Every Python 3 of this machine that is another program. */
const pythons = [...new Set(['/usr/bin/python3', 'python3'].map(pathOf))].filter((path) => path !== '');

function pathOf(name: string): string {
  return (
    spawnSync(name, ['-c', 'import os, sys; print(os.path.realpath(sys.executable))'], {
      encoding: 'utf8',
    }).stdout?.trim() ?? ''
  );
}

let server: ServerProcess;
let producer: Producer;
beforeAll(async () => {
  server = await ServerProcess.start();
  producer = new Producer(server.url);
});
afterAll(() => server.remove());

async function startWorker(python: string, id: string): Promise<ChildProcess> {
  const worker = spawn(python, [program, id], {
    env: {
      ...{ PATH: process.env.PATH, PYTHONDONTWRITEBYTECODE: '1', MILLRACE_URL: server.url },
      MILLRACE_TOKEN: sign({ sub: 'ai', roles: ['worker'] }),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void worker.kill('SIGKILL'));
  await new Promise<void>((resolve, reject) => {
    worker.stdout?.on('data', (line: Buffer) => line.includes('takes work') && resolve());
    worker.once('exit', (code) => reject(new Error(`The worker ended with ${code}.`)));
  });
  return worker;
}

const trigger = async (input: object): Promise<string> =>
  ((await (await producer.call('POST', '/api/runs', { workflow: 'summarise', input })).json()) as { id: string }).id;
const told = async (run: string, type: string) => (await producer.events(run)).filter((event) => event.type === type);
const until = (run: string, status: string) =>
  vi.waitFor(async () => expect((await producer.run(run)).status).toBe(status), patience);

test('a Python 3 is installed', () => expect(pythons.length).toBeGreaterThan(0));

describe.each(pythons)('under %s', (python) => {
  test('[SEE-1] a worker of the standard library alone claims a task and streams its log, progress and tokens', async () => {
    await startWorker(python, 'plain');
    const run = await trigger({ text, pace: 0.005 });
    await until(run, 'completed');
    const output = (await producer.run(run)).output as { summary: string };
    expect(output).toEqual({
      summary: 'Rivers carry water, and water feeds rivers. Stone is slow.',
      paragraphs: 2,
    });
    expect(await told(run, 'log')).toMatchObject([{ data: { level: 'info', metadata: { paragraphs: 2 } } }]);
    expect((await told(run, 'node.progress')).map(({ data }) => data.progress)).toEqual([25, 50, 100]);
    const tokens = (await told(run, 'agent.token')).map(({ data }) => data.text);
    expect(tokens.length).toBe(10);
    expect(tokens.join('')).toBe(output.summary);
  });

  test('[SEE-2] it ends a task that is cancelled, at once and before its grace is over', async () => {
    await startWorker(python, 'cancelled');
    const run = await trigger({ text, pace: 10 });
    await vi.waitFor(async () => expect(await told(run, 'step.completed')).toHaveLength(1), patience);
    const began = performance.now();
    expect((await producer.call('POST', `/api/runs/${run}/cancel`, { reason: 'enough' })).status).toBe(200);
    await until(run, 'cancelled');
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(await told(run, 'attempt.lost')).toEqual([]);
  });
});

test('[SEE-3] the server is killed twice while it works: every token is in the log once, in one attempt', async () => {
  await startWorker(pythons[0] as string, 'surviving');
  const long = `${text}\n\n${Array.from({ length: 40 }, (_, n) => `word${n}`).join(' ')}.`;
  const run = await trigger({ text: long, pace: 0.03 });
  for (const words of [3, 20]) {
    await vi.waitFor(async () => expect((await told(run, 'agent.token')).length).toBeGreaterThan(words), patience);
    await server.restart();
  }
  await until(run, 'completed');
  const { summary } = (await producer.run(run)).output as { summary: string };
  expect((await told(run, 'agent.token')).map(({ data }) => data.text).join('')).toBe(summary);
  expect((await told(run, 'step.completed')).map(({ data }) => data.key)).toEqual(['1', '2', '3']);
  expect(await told(run, 'attempt.lost')).toEqual([]);
});

test('[SEE-4] a worker that is killed is replaced, and no finished step is done again', async () => {
  const first = await startWorker(pythons[0] as string, 'first');
  const run = await trigger({ text, pace: 1 });
  await vi.waitFor(async () => expect(await told(run, 'step.completed')).toHaveLength(1), patience);
  first.kill('SIGKILL');
  await startWorker(pythons[0] as string, 'second');
  await vi.waitFor(async () => expect(await told(run, 'attempt.lost')).toHaveLength(1), patience);
  await vi.waitFor(async () => expect(await told(run, 'step.completed')).toHaveLength(2), patience);
  expect((await told(run, 'step.completed')).map(({ data }) => data.key)).toEqual(['1', '2']);
  await producer.call('POST', `/api/runs/${run}/cancel`, {});
  await until(run, 'cancelled');
});
