import { createClient } from '@millrace/client';

/** The smallest page that does everything: it follows a run and a list and answers an approval. */
const client = createClient({ url: location.origin, token: '' });
const run = client.run(location.pathname);
run.subscribe(() => document.body.append(JSON.stringify(run.getSnapshot().view)));
const list = client.list({ status: ['running'] });
list.subscribe(() => document.body.append(JSON.stringify(list.getSnapshot().rows)));
document.body.onclick = () => run.approve('deploy', 'approved');
