// @vitest-environment jsdom
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@millrace/client';
import { cleanup, render, screen } from '@testing-library/react';
import type { FunctionComponent } from 'react';
import { afterEach, expect, test, vi } from 'vitest';
import { Desk, readGuide } from './docs/guide.ts';
import { Process } from './process.ts';

const cleanups: (() => unknown)[] = [cleanup];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

test('[DOC-10] the React page of the guide shows runs and a run, live, from its start to its output', async () => {
  const desk = new Desk();
  cleanups.push(() => desk.clear());
  const folder = desk.lay(readGuide('docs/guides/watch-a-run.md'));
  const { App } = (await import(/* @vite-ignore */ join(folder, 'run-page.tsx'))) as {
    App: FunctionComponent<{ client: Client; run: string }>;
  };

  const data = mkdtempSync(join(tmpdir(), 'millrace-docs-'));
  cleanups.push(() => rmSync(data, { recursive: true, force: true, maxRetries: 5 }));
  const server = new Process('packages/server/millrace.mjs', ['dev', join(folder, 'count.ts')], {
    PORT: '0',
    MILLRACE_DATA: data,
  });
  cleanups.push(() => server.kill('SIGTERM'));
  const [, url = '', token = ''] = await server.printed(/console +(http:\/\/[^/]+)\/\?token=(\S+)/);
  // jsdom's WebSocket cannot fire events where Node's Event is the global one.
  const client = createClient({ url, token, transports: ['sse', 'polling'] });
  cleanups.push(() => client.disconnect());
  await expect.poll(async () => (await client.api.workflows()).length, { timeout: 20_000 }).toBe(1);

  const { id } = await client.api.start({ workflow: 'count', input: { to: 8 } });
  render(<App client={client} run={id} />);
  await screen.findByText('Connected', {}, { timeout: 10_000 });
  await screen.findByText('8', { selector: 'output' }, { timeout: 10_000 });
  expect((await screen.findByRole('list', { name: '1 runs' })).textContent).toContain('count');
  await vi.waitFor(() => expect(screen.getAllByText('Completed')).toHaveLength(2), 15_000);
}, 60_000);
