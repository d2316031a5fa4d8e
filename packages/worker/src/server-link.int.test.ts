import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emptyView, fold, type RunEvent, type WorkerLink } from '@millrace/protocol';
import { createServer, type Server } from 'millrace';
import { systemClock } from './clock.ts';
import { createHttpLink } from './http-link.ts';
import { type LinkRig, linkSuite } from './link.suite.ts';

const ada = { tenant: 'default', by: 'user:ada' };

/** A whole server on a free port, with a link made by `connect`. */
async function open(connect: (server: Server) => Promise<WorkerLink> | WorkerLink): Promise<LinkRig> {
  const data = await mkdtemp(join(tmpdir(), 'millrace-link-'));
  const server = await createServer({ env: {}, port: 0, data, logLevel: 'silent', signals: false });
  const link = await connect(server);
  const reader = await server.token({ sub: 'ada', roles: ['operator'] });
  const events = async (run: string) => {
    const path = `${server.url}/api/runs/${run}/events?after=0&limit=1000`;
    const page = await fetch(path, { headers: { authorization: `Bearer ${reader}` } });
    return ((await page.json()) as { events: RunEvent[] }).events;
  };
  return {
    link,
    events,
    create: async (workflow, input) => (await server.engine.create(ada, { workflow, input })).id,
    view: async (run) => (await events(run)).reduce((view, event) => fold(view, event), emptyView(run)),
    async answer(run, approvalId, decision, comment) {
      const command = { type: 'approve' as const, approvalId, decision, ...(comment === undefined ? {} : { comment }) };
      await server.engine.command(ada, run, command);
    },
    async close() {
      await link.close();
      await server.close();
      await rm(data, { recursive: true });
    },
  };
}

linkSuite('in-process', () => open((server) => server.localLink()));

linkSuite('HTTP', () =>
  open(async (server) => {
    const token = await server.token({ sub: 'mill', roles: ['worker'] });
    return createHttpLink({ url: server.url, token, clock: systemClock, random: () => 0.5, report: () => {} });
  }),
);
