// @vitest-environment jsdom
import { createClient } from '@millrace/client';
import { createWorker, task, workflow } from '@millrace/worker';
import { act, cleanup, render, screen } from '@testing-library/react';
import { createServer } from 'millrace';
import type { FunctionComponent } from 'react';
import { afterEach, expect, test } from 'vitest';
import { Desk, readGuide } from './docs/guide.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  cleanup();
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

test('[DOC-10] the React page of the guide shows a run, live, and the button of its approval answers it', async () => {
  const desk = new Desk();
  cleanups.push(() => desk.clear());
  const folder = desk.lay(readGuide('docs/guides/watch-a-run.md'));
  const { App } = (await import(/* @vite-ignore */ `${folder}/run-page.tsx`)) as {
    App: FunctionComponent<{ client: unknown; run: string }>;
  };

  const server = await createServer({ env: {}, port: 0, store: 'memory', logLevel: 'silent' });
  cleanups.push(() => server.close());
  const count = task('count', (ctx) => ctx.approval('go', { title: 'Count?' }).then(({ approved }) => approved));
  const worker = createWorker({ link: server.localLink(), workflows: [workflow('count', { task: count })] });
  await worker.start();
  cleanups.push(() => worker.stop());

  const client = createClient({ url: server.url, token: await server.token({ sub: 'ada', roles: ['user'] }) });
  cleanups.push(() => client.disconnect());
  const { id } = await client.api.start({ workflow: 'count' });
  render(<App client={client} run={id} />);
  const button = await screen.findByRole('button', { name: /approve/i }, { timeout: 10_000 });
  expect(screen.getByRole('list', { name: '1 runs' }).textContent).toContain('count');
  await act(async () => button.click());
  await screen.findByText('true', {}, { timeout: 10_000 });
});
