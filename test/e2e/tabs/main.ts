import { createClient, type RunEvent } from '@millrace/client';

/** A page that follows one run as its address says, and keeps what its user would have seen. */
const query = new URL(location.href).searchParams;
const asked = (name: string) => query.get(name) ?? '';

const client = createClient({
  url: asked('server'),
  token: asked('token'),
  sharedWorker: (name) =>
    asked('worker') === 'missing'
      ? new SharedWorker('/missing.js', { name, type: 'module' })
      : new SharedWorker(new URL('@millrace/client/shared-worker', import.meta.url), { name, type: 'module' }),
});
const seen: RunEvent[] = [];
const run = client.run(asked('run'));
run.onEvents((events) => seen.push(...events));

const page = { client, run, seen };
declare global {
  var tab: typeof page;
}
globalThis.tab = page;
