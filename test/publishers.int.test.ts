import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publishJobChunk, publishJobComplete } from '@millrace/worker/publish';
import { createClient } from 'redis';
import { afterAll, expect, test, vi } from 'vitest';
import { RedisProcess } from '../packages/server/src/bus/redis.rig.ts';
import { freePort, Process } from './process.ts';

const patience = { timeout: 60_000, interval: 50 };
const data = mkdtempSync(join(tmpdir(), 'millrace-publishers-'));
const closers: (() => unknown)[] = [() => rmSync(data, { recursive: true, force: true })];
afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

test('[DIA-72] a server that is killed twice while 2,000 messages pass has every one of them, once', async () => {
  const redis = await RedisProcess.start();
  closers.push(() => redis.remove());
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let server: Process;
  let token: string;
  const start = async () => {
    const env = { PORT: `${port}`, REDIS_URL: redis.url, MILLRACE_DATA: data };
    server = new Process('packages/server/src/main.ts', ['start'], env);
    [, token = ''] = await server.printed(/\?token=(\S+)/);
  };
  closers.push(() => server.kill());
  const seen = async (jobId: string) => {
    const chunks: string[] = [];
    let [after, done] = ['0', false];
    while (!done) {
      const answer = await fetch(`${url}/api/runs/${jobId}/events?after=${after}&limit=10000&token=${token}`);
      const page = (await answer.json()) as {
        events: { type: string; data: { text?: string } }[];
        next: string;
        through: number;
        head: number;
      };
      chunks.push(...page.events.flatMap(({ type, data: { text } }) => (type === 'agent.token' ? [text ?? ''] : [])));
      [after, done] = [page.next, page.through >= page.head];
    }
    return chunks;
  };

  await start();
  const answer = await fetch(`${url}/api/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'search', query: 'AI agents' }),
  });
  const { jobId } = (await answer.json()) as { jobId: string };
  const publisher = await createClient({ url: redis.url }).connect();
  closers.push(() => publisher.destroy());
  const words = Array.from({ length: 2_000 }, (_, n) => `${n} `);
  const publish = async (from: number, to: number) => {
    for (const word of words.slice(from, to)) await publishJobChunk(publisher, jobId, 'local', word);
  };
  for (const from of [0, 700]) {
    const publishing = publish(from, from + 700);
    await vi.waitFor(async () => expect((await seen(jobId)).length).toBeGreaterThan(from), patience);
    await server!.kill('SIGKILL');
    await publishing;
    await start();
  }
  await publish(1_400, 2_000);
  await publishJobComplete(publisher, jobId, 'local', { hits: 3 }, 1_000);
  const job = async () => (await fetch(`${url}/api/jobs/${jobId}`)).json();
  await vi.waitFor(async () => expect(await job()).toMatchObject({ state: 'completed' }), patience);
  expect(await seen(jobId)).toEqual(words);
}, 120_000);
