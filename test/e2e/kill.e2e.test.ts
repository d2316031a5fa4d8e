import { emptyView, fold, type RunEvent, stepId } from '@millrace/protocol';
import type { Browser, Page } from 'playwright-core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { launchBrowser, noBrowser } from './browser.ts';
import { Demo } from './demo.ts';
import { checkExact, heard, recordFrames, viewOf } from './frames.ts';

describe.skipIf(noBrowser)('the demo in a real browser', () => {
  let browser: Browser;
  let page: Page;
  let demo: Demo;

  beforeEach(async () => {
    demo = new Demo();
    [browser] = await Promise.all([launchBrowser(), demo.start()]);
    page = await browser.newPage();
  });

  afterEach(async () => {
    await browser.close();
    await demo.end();
  });

  const approve = () => page.getByRole('button', { name: 'Approve', exact: true });
  const runId = () => new URL(page.url()).pathname.split('/').at(-1) as string;
  const openRun = async () => {
    await page.goto(demo.url);
    await page.getByRole('button', { name: 'Run ask-docs' }).click();
    await page.waitForURL(/\/runs\//);
  };

  test('[E2E-1] one click runs ask-docs to the approval; approved, the report is there', async () => {
    await openRun();
    await approve().click({ timeout: 60_000 });
    await page.getByRole('heading', { name: 'Sources' }).waitFor();
    const view = await demo.get<{ status: string }>(`/api/runs/${runId()}`);
    await vi.waitFor(() => expect(view.status).toBe('completed'));
    expect(await page.getByRole('main').innerText()).toContain('report.md');
    expect(new URL(page.url()).searchParams.has('token'), 'the token has left the address bar').toBe(false);
  });

  test.each([
    [
      'while documents are indexed',
      (event: RunEvent) => event.type === 'step.completed' && event.node === 'index' && event.seq > 60,
    ],
    [
      'while the answer streams',
      (event: RunEvent) => event.type === 'agent.token' && event.data.text.includes('closest'),
    ],
  ])(
    '[E2E-2] kill -9 of the server %s: the run goes on from its last finished step, the page comes back, nothing is missed or doubled',
    async (_when, isTime) => {
      const frames = recordFrames(page);
      const time = new Promise<void>((resolve) => {
        frames.onFrame((frame) => {
          if (frame.type === 'range' && frame.events.some(isTime)) resolve();
        });
      });
      await openRun();
      const id = runId();
      await time;
      await demo.kill();
      await page
        .getByText(/Reconnecting|Disconnected|Offline/)
        .first()
        .waitFor();
      await demo.start();
      await approve().click({ timeout: 60_000 });
      await vi.waitFor(
        async () => expect(await demo.get(`/api/runs/${id}`)).toMatchObject({ status: 'completed' }),
        20_000,
      );
      await page.getByRole('heading', { name: 'Sources' }).waitFor();

      const log = await demo.log(id);
      expect(log.map((event) => event.seq)).toEqual(log.map((_, index) => index + 1));
      expect(log.some((event) => event.type === 'attempt.lost')).toBe(true);
      const completed = log
        .filter((event) => event.type === 'step.completed')
        .map((event) => `${event.node}/${stepId(event.data.name, event.data.key)}`);
      expect(new Set(completed).size, 'no step finished twice').toBe(completed.length);
      // Read off the log, not asked for after the restart: by then the next attempt may have finished steps of its own.
      const lost = log.findIndex((event) => event.type === 'attempt.lost');
      const finished = new Set(
        log
          .slice(0, lost)
          .filter((event) => event.type === 'step.completed')
          .map((event) => `${event.node}/${event.step}`),
      );
      expect(finished.size).toBeGreaterThan(0);
      const again = log
        .slice(lost)
        .filter((event) => event.type === 'step.started' && finished.has(`${event.node}/${event.step}`));
      expect(again, 'no finished step was started again').toEqual([]);

      const subscriptions = heard(frames.sockets, id);
      expect(subscriptions.length, 'the page subscribed again').toBeGreaterThan(1);
      expect(subscriptions.map(checkExact)).toEqual(subscriptions.map(() => undefined));
      await vi.waitFor(() => {
        const folded = log.reduce((view, event) => fold(view, event), emptyView(id));
        expect(viewOf(heard(frames.sockets, id))).toEqual(JSON.parse(JSON.stringify(folded)));
      });
      expect(await page.getByRole('main').innerText()).toMatch(new RegExp(`Log\\s+${log.length} events`));
    },
  );
});
