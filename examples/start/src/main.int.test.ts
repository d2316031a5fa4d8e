import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RunReader } from './run-reader.rig.ts';

const entry = fileURLToPath(new URL('./main.ts', import.meta.url));
let data: string;
let started: ChildProcess[] = [];

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'millrace-demo-'));
});
afterEach(async () => {
  for (const child of started) child.kill('SIGKILL');
  started = [];
  await rm(data, { recursive: true, force: true });
});

interface Demo {
  child: ChildProcess;
  output: () => string;
  exit: Promise<number | null>;
}

function spawnDemo(env: Record<string, string>): Demo {
  const child = spawn(process.execPath, ['--import', 'millrace/source.mjs', entry], {
    cwd: import.meta.dirname,
    env: { PATH: process.env.PATH, MILLRACE_DATA: data, ...env },
  });
  started.push(child);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += String(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    text += String(chunk);
  });
  return { child, output: () => text, exit: new Promise((resolve) => child.once('exit', resolve)) };
}

/** Waits until the demo has printed its address. */
async function up(demo: Demo): Promise<RunReader> {
  await expect.poll(demo.output, { timeout: 20_000 }).toContain('Ctrl+C stops it');
  const [, url, token] = /(http:\/\/127\.0\.0\.1:\d+)\/\?token=(\S+)/.exec(demo.output()) ?? [];
  return new RunReader(url ?? '', token ?? '');
}

async function manyDocuments(count: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-many-'));
  const filler = 'A sentence about the weather in the mountains follows another one. '.repeat(150);
  for (let n = 0; n < count; n += 1) {
    const marmots = n === count - 1 ? '## Marmots\n\nMarmots eat herbs.\n' : '';
    await writeFile(join(folder, `${n}.md`), `# Animals\n\n${filler}\n\n${marmots}`);
  }
  return folder;
}

async function occupy(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as { port: number }).port };
}

describe('npm start', () => {
  it('[DEM-12] prints address, token, process id and data folder, and stops when it is told to', async () => {
    const demo = spawnDemo({ PORT: '0' });
    await up(demo);
    expect(demo.output()).toContain(`pid        ${demo.child.pid}`);
    expect(demo.output()).toContain(`data       ${data}`);
    demo.child.kill('SIGTERM');
    expect(await demo.exit).toBe(0);
  });

  it('[DEM-12] names PORT where its port is taken', async () => {
    const { server, port } = await occupy();
    const demo = spawnDemo({ PORT: String(port) });
    expect(await demo.exit).toBe(1);
    expect(demo.output()).toContain('PORT');
    expect(demo.output()).toContain(String(port));
    server.close();
  });

  it('[DEM-11] goes on after kill -9 and reads no finished document again', async () => {
    const folder = await manyDocuments(300);
    const first = spawnDemo({ PORT: '0' });
    const before = await up(first);
    const id = await before.start('ask-docs', { question: 'What do marmots eat?', docs: folder });
    const indexed = async (reader: RunReader) =>
      (await reader.events(id)).filter((event) => event.node === 'index' && event.type === 'step.completed');
    await expect.poll(async () => (await indexed(before)).length, { timeout: 10_000, interval: 10 }).toBeGreaterThan(2);
    first.child.kill('SIGKILL');
    await first.exit;

    const after = await up(spawnDemo({ PORT: '0' }));
    await after.decide(id, (await after.approval(id)).id, { decision: 'approved' });
    expect(await after.ended(id)).toMatchObject({ status: 'completed' });
    const events = await after.events(id);
    expect(events.map((event) => event.seq)).toEqual(events.map((_, place) => place + 1));
    const steps = await indexed(after);
    expect(new Set(steps.map((event) => event.step)).size).toBe(300);
    expect(steps).toHaveLength(300);
    expect(new Set(steps.map((event) => event.attempt))).toEqual(new Set([1, 2]));
    const report = await after.file(events.find((event) => event.type === 'file.created')?.data.url);
    expect(report).toContain('`299.md`, Animals › Marmots');
    await rm(folder, { recursive: true });
  });
});
