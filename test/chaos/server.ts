// The server of a crash test: node --import millrace/source.mjs test/chaos/server.ts JSON. It makes the run, approves
// what is asked, and when the run has ended writes all logs to a file and ends itself.
import { writeFileSync } from 'node:fs';
import { setInterval } from 'node:timers/promises';
import { createWorker } from '@millrace/worker';
import { createServer } from 'millrace';
import { FaultPoints } from './fault-points.ts';
import { INPUT, workload } from './workload.ts';

export interface ServerSettings {
  data: string;
  port: number;
  effects: string;
  logs: string;
  /** executes what it queues itself */
  works: boolean;
  kill?: string;
}

const settings = JSON.parse(process.argv[2] ?? '') as ServerSettings;
const user = { tenant: 'default', by: 'user:ada' };
const points = new FaultPoints(settings.kill);
const server = await createServer({
  ...{ env: {}, data: settings.data, port: settings.port, logLevel: 'silent', instrument: points.instrument },
  timings: { lease: 1_200, renew: 300, grace: 1_000 },
});
const { engine, store } = server;
const workflows = workload(points, settings.effects);
for (const definition of workflows) await engine.putWorkflow(user, definition);
const { id: run } = await engine.create(user, { workflow: 'everything', input: INPUT }, 'the run');
const worker = settings.works ? createWorker({ link: server.localLink(), workflows }) : undefined;
await worker?.start();
console.log(`READY ${server.url} ${await server.token({ sub: 'mill', roles: ['worker'] })}`);

for await (const _ of setInterval(20)) {
  for (const wait of await store.waits({ tenant: 'default', limit: 10 })) {
    const approve = { type: 'approve', approvalId: wait.id, decision: 'approved' } as const;
    if (wait.kind === 'approval') await engine.command(user, wait.run, approve, { key: wait.id });
  }
  if ((await store.runRow({ tenant: 'default', run }))?.ended) break;
}
await worker?.stop();
const { rows } = await store.runRows({ tenant: 'default', limit: 100 });
const logs: Record<string, unknown> = {};
for (const row of rows) {
  const page = await store.readLog(row, 0, { events: 100_000, bytes: 1e9 });
  logs[row.run] = JSON.parse(`[${page?.text}]`);
}
writeFileSync(settings.logs, JSON.stringify(logs));
await server.close();
console.log('ENDED');
process.exit(0);
