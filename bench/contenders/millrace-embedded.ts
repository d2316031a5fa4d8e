// A server in whose own process the events are made, as in an application that embeds Millrace: each run has a producer
// that appends one event at a time. The runs are those that were created over HTTP.
import { createServer } from 'millrace';
import { logData } from '../harness/event-text.ts';
import { feedOnRequest } from '../harness/feed.ts';

const [data = ''] = process.argv.slice(2);
const caller = { tenant: 'default', by: 'worker:bench' };
const server = await createServer({ data, port: 0, signals: true });
const token = await server.token({ sub: 'admin', roles: ['admin'] });
let runs: string[] = [];

feedOnRequest({
  async begin() {
    const { rows } = await server.store.runRows({ tenant: caller.tenant, limit: 10_000 });
    runs = rows.map(({ run }) => run);
  },
  emit: (n) =>
    server.engine.append(caller, runs[n % runs.length] as string, { events: [{ type: 'log', data: logData(n) }] }),
});
console.log(`${server.url}/?token=${token}\npid ${process.pid}`);
