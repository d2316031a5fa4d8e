import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunEvent } from '@millrace/protocol';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Served, serve } from '../http/served.suite.ts';

const markdown = { 'content-type': 'text/markdown' };

describe('after a restart', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-restarted-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('[KB-17] a start goes on with the unfinished documents of every tenant, before anybody asks for another', async () => {
    const place = { store: 'sqlite', data: folder } as const;
    const upload = (on: Served, name: string) =>
      on.ask('stranger', 'POST', `/api/kb/kb/documents?name=${name}`, '# Marmots\n\nThey eat herbs.\n', markdown);
    const seen = async (on: Served, run: unknown) => (await on.ask('stranger', 'GET', `/api/runs/${run}`)).body.status;
    const first = await serve(place);
    const one = (await upload(first, 'one.md')).body.run;
    await vi.waitFor(async () => expect(await seen(first, one)).toBe('completed'), 10_000);
    await first.close();

    const without = await serve({ ...place, ingest: false });
    const two = (await upload(without, 'two.md')).body.run;
    expect((await without.ask('stranger', 'GET', '/api/workers')).body.workers).toEqual([]);
    expect(await seen(without, two)).not.toBe('completed');
    await without.close();

    const third = await serve(place);
    await vi.waitFor(async () => expect(await seen(third, two)).toBe('completed'), 10_000);
    await third.close();
  });
});

describe('after kill -9', () => {
  const children: ChildProcess[] = [];
  let data: string;
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'millrace-ingest-'));
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await rm(data, { recursive: true, force: true });
  });

  /** A server in a process of its own, and ways to ask it. */
  async function start(...command: string[]) {
    const child = spawn(process.execPath, ['--import', 'millrace/source.mjs', ...command], {
      cwd: import.meta.dirname,
      env: { PATH: process.env.PATH, MILLRACE_DATA: data, PORT: '0' },
    });
    children.push(child);
    let output = '';
    child.stdout.on('data', (part: Buffer) => {
      output += part.toString();
    });
    const exit = new Promise((resolve) => child.once('exit', resolve));
    const [, url = '', token = ''] = await vi.waitFor(() => {
      const found = /(http:\/\/[\d.]+:\d+)\/\?token=(\S+)/.exec(output);
      expect(found).not.toBeNull();
      return found ?? [];
    }, 20_000);
    const ask = async (path: string, init: RequestInit = {}): Promise<Record<string, unknown>> => {
      const headers = { ...init.headers, authorization: `Bearer ${token}` };
      return (await (await fetch(url + path, { ...init, headers })).json()) as Record<string, unknown>;
    };
    const events = async (run: unknown) => (await ask(`/api/runs/${run}/events?limit=1000`)).events as RunEvent[];
    return { child, exit, ask, events };
  }

  const stepsOf = (events: RunEvent[], type: 'step.started' | 'step.completed', attempt: number) =>
    events.flatMap((event) => (event.type === type && event.attempt === attempt ? [event.data.name] : []));

  test('[KB-16] a run that was killed in the middle goes on by itself, and does no finished phase again', async () => {
    const first = await start('./held-ingest.rig.ts');
    const body = Array.from({ length: 200 }, (_, n) => `## Part ${n}\n\nThe eagle circles above it.\n`).join('\n');
    const upload = { method: 'POST', headers: markdown, body };
    const { run } = await first.ask('/api/kb/large/documents?name=large.md', upload);
    await vi.waitFor(
      async () => expect(stepsOf(await first.events(run), 'step.completed', 1)).toEqual(['extraction', 'chunking']),
      { timeout: 20_000, interval: 20 },
    );
    first.child.kill('SIGKILL');
    await first.exit;

    const second = await start('../main.ts', 'start');
    await vi.waitFor(async () => expect(await second.ask(`/api/runs/${run}`)).toMatchObject({ status: 'completed' }), {
      ...{ timeout: 40_000, interval: 50 },
    });
    const events = await second.events(run);
    expect(stepsOf(events, 'step.started', 2)).toEqual(['kb', 'embedding', 'indexing']);
    expect(stepsOf(events, 'step.completed', 2)).toEqual(['embedding', 'indexing', 'kb']);
    const { documents } = await second.ask('/api/kb/large/documents');
    expect(documents).toMatchObject([{ documentId: 'large.md', status: 'completed', chunks: 200, embeddings: 200 }]);
    expect(await second.ask('/api/kb/large/search?q=eagle&limit=1')).toMatchObject({
      chunks: [{ fileName: 'large.md' }],
    });
  });
});
