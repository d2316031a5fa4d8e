import { EventEmitter } from 'node:events';
import type { RunEvent } from '@millrace/protocol';
import { MillraceError } from '@millrace/protocol';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Served, serve } from '../http/served.suite.ts';
import { createEventBridge, type EventBridge, type EventBridgeOptions } from './event-bridge.ts';

let served: Served;
let emitter: EventEmitter;
let bridge: EventBridge;
let warned: string[];

type Server = EventBridgeOptions['server'];

/** A bridge to the real server, but for what a test breaks. */
function open(engine: Partial<Server['engine']> = {}): void {
  const { server } = served;
  const { create, control, append, command } = server.engine;
  bridge = createEventBridge({
    emitter,
    server: {
      engine: {
        ...{ create: create.bind(server.engine), control: control.bind(server.engine) },
        ...{ append: append.bind(server.engine), command: command.bind(server.engine) },
        ...engine,
      },
      metrics: server.metrics,
      log: { warn: (facts, message) => warned.push(`${message}: ${(facts as { code?: string }).code ?? ''}`) },
      onClose: server.onClose,
    },
  });
}

beforeEach(async () => {
  served = await serve();
  emitter = new EventEmitter();
  warned = [];
});
afterEach(async () => {
  await bridge.close();
  await served.close();
});

const execution = { executionId: 'exec-1' };
const start = () => emitter.emit('execution:started', { ...execution, workflowId: 'onboarding', userId: 'ada' });

async function log(): Promise<RunEvent[]> {
  await bridge.settled();
  const { body } = await served.ask('root', 'GET', '/api/runs?workflow=onboarding');
  const [run] = body.runs as { id: string }[];
  const events = await served.ask('root', 'GET', `/api/runs/${run?.id}/events`);
  return (events.body.events ?? []) as RunEvent[];
}
const typesOf = (events: RunEvent[]) => events.map(({ type }) => type);
const refused = async (code: string) =>
  (await served.ask('olga', 'GET', '/metrics')).text.includes(
    `millrace_source_refused_total{source="emitter",code="${code}"}`,
  );

describe('[DIA-77] an emitter of this process', () => {
  test('what it emits by the established names stands in an external run, in order', async () => {
    open();
    start();
    emitter.emit('node:started', { ...execution, nodeId: 'fetch', nodeType: 'http' });
    emitter.emit('node:progress', { ...execution, nodeId: 'fetch', progress: 40, currentStep: 'downloading' });
    emitter.emit('agent:token', { ...execution, agentId: 'helper', token: 'Hi', nodeId: 'fetch' });
    emitter.emit('node:completed', { ...execution, nodeId: 'fetch', outputs: { bytes: 3 }, duration: 7 });
    emitter.emit('execution:completed', { ...execution, outputs: 'done', duration: 9 });
    const events = await log();
    expect(typesOf(events)).toEqual([
      ...['run.created', 'run.started', 'node.started', 'node.progress', 'agent.token'],
      ...['node.completed', 'run.completed'],
    ]);
    expect(events[0]?.data).toMatchObject({ workflow: 'onboarding', owner: 'ada', external: true });
    expect(events.at(-1)?.data).toEqual({ output: 'done', duration: 9 });
  });

  test('its execution may be a run that was opened before', async () => {
    open();
    const { body } = await served.ask('root', 'POST', '/api/runs', { workflow: 'onboarding', external: true });
    emitter.emit('node:started', { executionId: body.id, nodeId: 'fetch' });
    await bridge.settled();
    expect(bridge.run(body.id as string)).toBe(body.id);
    expect(typesOf(await log())).toEqual(['run.created', 'node.started']);
  });

  test('a document that is uploaded outside of any execution is a run of its own, which ends with it', async () => {
    open();
    const document = { knowledgeBaseId: 'manuals', documentId: 'd1', fileName: 'a.pdf' };
    emitter.emit('kb:upload_started', { ...document, fileSize: 10, userId: 'ada' });
    emitter.emit('kb:processing', { ...document, progress: 50, currentStep: 'chunking' });
    emitter.emit('kb:upload_completed', { ...document, chunkCount: 2, embeddingCount: 2 });
    await bridge.settled();
    const { body } = await served.ask('ada', 'GET', '/api/kb/manuals/documents');
    expect(body.documents).toMatchObject([{ documentId: 'd1', status: 'completed', chunks: 2 }]);
    const runs = (await served.ask('ada', 'GET', '/api/runs?workflow=ingest')).body.runs;
    expect(runs).toMatchObject([{ status: 'completed' }]);
  });

  test('what it changes after it has emitted it was emitted as it was', async () => {
    open();
    start();
    const told = { ...execution, nodeId: 'fetch', progress: 40 };
    emitter.emit('node:started', { ...execution, nodeId: 'fetch' });
    emitter.emit('node:progress', told);
    told.progress = 99;
    expect((await log()).at(-1)?.data).toEqual({ progress: 40 });
  });
});

describe('[DIA-78] what is malformed or refused', () => {
  test('is logged, counted and left out, and what follows is written', async () => {
    open();
    start();
    emitter.emit('node:started', { ...execution });
    emitter.emit('node:progress', 'no object');
    emitter.emit('node:started', { nodeId: 'of no execution' });
    for (const name of ['node:started', 'node:completed', 'node:completed']) {
      emitter.emit(name, { ...execution, nodeId: 'fetch' });
    }
    emitter.emit('node:started', { executionId: 'unknown', nodeId: 'fetch' });
    emitter.emit('execution:completed', { ...execution, outputs: null });
    expect(typesOf(await log())).toEqual([
      ...['run.created', 'run.started', 'node.started', 'node.completed', 'run.completed'],
    ]);
    expect(warned.map((line) => line.replace(/.*: /, '')).sort()).toEqual([
      ...['event_invalid', 'event_invalid', 'event_invalid', 'invalid_transition', 'run_not_found'],
    ]);
    for (const code of ['event_invalid', 'invalid_transition', 'run_not_found']) expect(await refused(code)).toBe(true);
  });
});

describe('[DIA-79] while the store cannot take it', () => {
  test.each<[string, 'lost' | 'written']>([
    ['nothing was written', 'lost'],
    ['it was written and the answer was lost', 'written'],
  ])('what is emitted waits, keeps its order, and is written once (%s)', async (_name, how) => {
    let failures = 3;
    const append = served.server.engine.append.bind(served.server.engine);
    open({
      async append(...args) {
        if (failures === 0) return append(...args);
        failures -= 1;
        if (how === 'written') await append(...args);
        throw new MillraceError('storage_full');
      },
    });
    start();
    for (const token of ['A', 'B', 'C']) emitter.emit('agent:token', { ...execution, agentId: 'helper', token });
    await vi.waitFor(() => expect(failures).toBe(0), { timeout: 5_000 });
    const tokens = (await log()).flatMap((event) => (event.type === 'agent.token' ? [event.data.text] : []));
    expect(tokens).toEqual(['A', 'B', 'C']);
    expect((await served.ask('olga', 'GET', '/metrics')).text).toContain(
      'millrace_source_delayed_total{source="emitter"} 3',
    );
  });

  test('the server writes what was emitted before it closes', async () => {
    open();
    start();
    emitter.emit('node:started', { ...execution, nodeId: 'fetch' });
    await served.server.close();
    await bridge.settled();
    expect(emitter.listenerCount('node:started')).toBe(0);
    expect(warned).toEqual([]);
  });
});

test('[DIA-77] a node that is tried again may be queued by the engine first: its new start is not lost', async () => {
  const append = served.server.engine.append.bind(served.server.engine);
  let raced = false;
  open({
    async append(caller, run, appended) {
      const starts = appended.events.some(({ type }) => type === 'node.queued');
      if (starts && !raced) {
        raced = true;
        await append(caller, run, { events: [{ type: 'node.queued', node: 'fetch', data: { reason: 'retry' } }] });
      }
      return append(caller, run, appended);
    },
  });
  start();
  emitter.emit('node:started', { ...execution, nodeId: 'fetch' });
  const nextAt = new Date(Date.now() + 60_000).toISOString();
  emitter.emit('node:failed', { ...execution, nodeId: 'fetch', error: 'busy', retry: { willRetry: true, nextAt } });
  emitter.emit('node:started', { ...execution, nodeId: 'fetch' });
  const types = typesOf(await log()).slice(2);
  expect(raced).toBe(true);
  expect(types).toEqual(['node.started', 'node.retrying', 'node.queued', 'node.started']);
});
