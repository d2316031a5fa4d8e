import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { RunSocketClient } from './run-socket-client.ts';
import { Producer, ServerProcess } from './server-process.ts';
import { completed, failed, lines, story } from './story.ts';
import { sign } from './token.ts';

const patience = { timeout: 10_000, interval: 10 };
const token = sign({ sub: 'ada', roles: ['operator'] });

let server: ServerProcess;
let producer: Producer;
beforeAll(async () => {
  server = await ServerProcess.start({ MILLRACE_GRACE_MS: '300' });
  producer = new Producer(server.url);
});
afterAll(() => server.remove());

function open(run: string, query = '', protocols?: string[]): RunSocketClient {
  const bearer = protocols ? query.replace(/^&/, '') : `token=${token}${query}`;
  const client = new RunSocketClient(`ws://127.0.0.1:${server.port}/ws/${run}?${bearer}`, protocols);
  onTestFinished(() => client.socket.close());
  return client;
}

const until = (client: RunSocketClient, type: string, count = 1) =>
  vi.waitFor(
    () => expect(client.of(type).length, `${type} in ${client.types}`).toBeGreaterThanOrEqual(count),
    patience,
  );

/** Events of a log that more than one message tells of are told of by the same seq. */
const seqs = (client: RunSocketClient, type: string) => client.of(type).map(({ seq }) => seq);

test('[SEE-10] the socket begins with connected and the current state, then tells everything that a run does, in its words', async () => {
  const run = await producer.open();
  const client = open(run);
  await until(client, 'dag_created');
  expect(client.types.slice(0, 2)).toEqual(['connected', 'dag_created']);
  for (const events of story) await producer.append(run, ...events);
  await producer.append(run, failed);
  await until(client, 'workflow_failed');

  const told = new Set(client.types);
  for (const type of [
    ...[
      'workflow_started',
      'step_started',
      'step_progress',
      'step_completed',
      'step_failed',
      'dag_node_status_changed',
    ],
    ...['agent_message', 'agent_thinking', 'agent_tool_call', 'cost_update', 'metric_update', 'file_created'],
    ...['file_updated', 'error', 'workflow_failed'],
  ])
    expect(told, type).toContain(type);
  for (const message of client.messages) {
    expect(message).toMatchObject({ run_id: run, seq: expect.any(Number), data: expect.any(Object) });
    expect(message.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,}Z$/);
  }
  expect(client.of('dag_node_status_changed').map(({ data }) => data)).toMatchObject([
    { node_id: 'plan', old_status: 'pending', new_status: 'running' },
    { node_id: 'plan', old_status: 'running', new_status: 'completed' },
    { node_id: 'write', old_status: 'pending', new_status: 'running' },
    { node_id: 'write', old_status: 'running', new_status: 'failed', error: 'Out of ink.' },
  ]);
  expect(client.of('workflow_failed')[0]?.data).toMatchObject({ error: 'Out of ink.' });
  expect(client.of('step_failed')[0]?.data).toMatchObject({ step_name: 'verify', error: 'No source.' });
  expect(client.of('agent_tool_call').map(({ data }) => data)).toMatchObject([
    { tool_name: 'search', arguments: { q: 'rivers' }, status: 'running' },
    { tool_name: 'search', status: 'completed', result: 3 },
  ]);

  // A graph that grows while it runs.
  const nodes = [{ id: 'each', task: 'nobody', forEach: '{% input %}' }];
  const answer = await producer.call('POST', '/api/runs', { workflow: 'grown', nodes, input: [1, 2] });
  const grown = open(((await answer.json()) as { id: string }).id, '&seq=0');
  await until(grown, 'dag_updated');
  expect(grown.of('dag_created')).not.toEqual([]);
  expect(grown.of('dag_updated')[0]?.data.nodes).toHaveLength(3);

  // A browser cannot set a header: the token may be a subprotocol, and whoever comes late is told how things are.
  const late = open(run, '', [`bearer.${token}`]);
  await until(late, 'workflow_failed');
  expect(late.types[0]).toBe('connected');
});

test('[SEE-11] ping, request_state, pause, resume and approval_response are answered; what it does not understand is an error, and it goes on', async () => {
  const run = await producer.open();
  await producer.append(run, { type: 'node.started', node: 'plan', data: { task: 'planner' } });
  const client = open(run);
  await until(client, 'workflow_started');
  client.send({ type: 'ping' });
  await until(client, 'pong');

  client.send({ type: 'request_state' });
  await until(client, 'dag_created', 2);
  client.send({ type: 'pause' });
  await until(client, 'workflow_paused');
  expect((await producer.run(run)).status).toBe('paused');
  client.send({ type: 'resume' });
  await until(client, 'workflow_resumed');
  expect((await producer.run(run)).status).toBe('running');

  await producer.append(run, { type: 'approval.requested', data: { approvalId: 'a1', title: 'Print it?' } });
  await until(client, 'approval_requested');
  expect(client.of('approval_requested')[0]?.data).toMatchObject({ approval_id: 'a1', title: 'Print it?' });
  client.send({ type: 'approval_response', approval_id: 'a1', decision: 'approved', comment: 'Do.' });
  await until(client, 'approval_received');
  expect(client.of('approval_received')[0]?.data).toMatchObject({
    approval_id: 'a1',
    decision: 'approved',
    comment: 'Do.',
  });

  for (const bad of ['not JSON', '[]', '{"type":"dance"}', '{"type":"approval_response"}', 'null']) client.send(bad);
  client.send({ type: 'approval_response', approval_id: 'a1', decision: 'rejected' });
  client.send({ type: 'resume' });
  await until(client, 'error', 7);
  expect(
    client.of('error').every(({ data }) => typeof data.message === 'string' && typeof data.code === 'string'),
  ).toBe(true);
  client.send({ type: 'ping' });
  await until(client, 'pong', 2);

  const cancelled = await producer.call('POST', `/api/runs/${run}/cancel`, {});
  expect(cancelled.status).toBe(200);
  await until(client, 'workflow_failed');
  expect(client.of('workflow_failed')[0]?.data).toMatchObject({ reason: 'cancelled' });
});

test('[SEE-12] who comes back with its last timestamp, or seq, is sent what it missed, each once, also of more than 1,000', async () => {
  const run = await producer.open();
  const first = open(run);
  await until(first, 'connected');
  for (const n of [1, 2, 3]) await producer.append(run, { type: 'metric', data: { name: 'n', value: n } });
  await until(first, 'metric_update', 3);
  await first.close();
  const last = first.messages.at(-1);
  for (let from = 4; from <= 1_603; from += 100) {
    const batch = Array.from({ length: 100 }, (_, n) => ({ type: 'metric', data: { name: 'n', value: from + n } }));
    await producer.append(run, ...batch);
  }
  const values = (client: RunSocketClient) => client.of('metric_update').map(({ data }) => data.value);
  const missed = Array.from({ length: 1_600 }, (_, n) => n + 4);
  for (const query of [`&since=${encodeURIComponent(last?.timestamp ?? '')}`, `&seq=${last?.seq}`]) {
    const again = open(run, query);
    await vi.waitFor(() => expect(values(again).at(-1)).toBe(1_603), patience);
    expect(again.types[0]).toBe('reconnected');
    expect(values(again)).toEqual(missed);
    await again.close();
  }
  // Somebody's own clock: what happened at that time is told too.
  const foreign = open(run, `&since=${last?.timestamp.slice(0, 23)}Z`);
  await vi.waitFor(() => expect(values(foreign).at(-1)).toBe(1_603), patience);
  expect(values(foreign).slice(-1_601)).toEqual([3, ...missed]);
});

test('[SEE-13] by curl: what is pushed reaches every client of the run, and the pages give the events since, and all of them', async () => {
  const run = await producer.open();
  const clients = [open(run), open(run), open(run)];
  for (const client of clients) await until(client, 'connected');
  const curl = (path: string, ...args: string[]): unknown =>
    JSON.parse(
      execFileSync(
        'curl',
        ['-s', '-H', `Authorization: Bearer ${sign({ sub: 'ada', roles: ['admin'] })}`, ...args, server.url + path],
        {
          encoding: 'utf8',
        },
      ),
    );
  const event = JSON.stringify({ type: 'metric', data: { name: 'pushed', value: 1 } });
  const pushed = curl(`/api/runs/${run}/events`, '-H', 'Content-Type: application/json', '-d', event) as {
    seq: number;
  };
  for (const client of clients) await until(client, 'metric_update');
  const since = curl(`/api/runs/${run}/events?after=${pushed.seq - 1}`);
  expect(since).toMatchObject({ events: [{ seq: pushed.seq, type: 'metric', at: expect.any(Number) }] });
  const all = curl(`/api/runs/${run}/events?after=0`) as { events: { seq: number }[]; head: number };
  expect(all.events.map(({ seq }) => seq)).toEqual(Array.from({ length: all.head }, (_, n) => n + 1));
});

test('[SEE-14] a server that ends says disconnected with a reason, and the client goes on with the next one', async () => {
  const run = await producer.open();
  const client = open(run);
  await until(client, 'connected');
  await producer.append(run, ...(lines(0, 1)[0] ?? []), { type: 'metric', data: { name: 'before', value: 1 } });
  await until(client, 'metric_update');
  await server.stop();
  await client.closed;
  expect(client.messages.at(-1)).toMatchObject({ event_type: 'disconnected', data: { reason: expect.any(String) } });
  await server.start();
  const back = open(run, `&since=${client.messages.at(-1)?.timestamp}`);
  await until(back, 'reconnected');
  await producer.append(run, { type: 'metric', data: { name: 'after', value: 2 } }, completed);
  await until(back, 'workflow_completed');
  expect(back.of('metric_update').map(({ data }) => data.name)).toEqual(['after']);
  expect(seqs(back, 'workflow_completed')).toEqual([(await producer.run(run)).seq]);
});
