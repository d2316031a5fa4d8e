import type { EventData, EventType } from './event.ts';
import type { RedactionClass } from './event-class.ts';

/** A string that nobody may see who does not see its class. */
export const secret = (kind: RedactionClass): string => `SECRET-${kind}`;

const { input, output, agent, tool, log, cost, file, kb, wait, error, identity } = {
  input: secret('input'),
  output: secret('output'),
  agent: secret('agent'),
  tool: secret('tool'),
  log: secret('log'),
  cost: secret('cost'),
  file: secret('file'),
  kb: secret('kb'),
  wait: secret('wait'),
  error: secret('error'),
  identity: secret('identity'),
};

const expression = `{% $.${input} %}`;
const nodes = (id: string) => [
  {
    id,
    task: 't',
    input: { text: input, value: expression },
    when: expression,
    forEach: expression,
    queue: input,
    concurrency: { key: input, limit: 2 },
    rate: { key: input, limit: 2, per: 1_000 },
  },
];
const runError = { code: 'task_failed', message: error, node: 'n', retryable: false, stack: `at ${error}` };
const reused = { run: 'r0', seq: 3 };
const message = { agentId: agent, messageId: 'm1' };
const call = { agentId: tool, messageId: 'm1', callId: 'c1', name: tool };
const document = { kbId: 'kb1', documentId: kb, fileName: kb };
const fileFacts = { name: file, type: 'text/plain', bytes: 12, sha256: 'a'.repeat(64), url: `/api/files/${file}` };

/** One payload of every event type with every field that it may have; the strings of hidden classes are secrets. */
export const samples: { [T in EventType]: Required<EventData[T]> } = {
  'run.created': {
    workflow: 'w',
    version: 'v1',
    nodes: nodes('n'),
    input: { question: input },
    options: {
      priority: 1,
      delayUntil: 5,
      ttl: 9,
      queue: 'q',
      budget: { amount: 987_654, currency: 'USD' },
      idempotencyKey: identity,
      concurrency: { key: identity, limit: 2 },
    },
    owner: identity,
    tags: [identity],
    lineage: { parent: { run: 'r0', node: 'n', step: 's' }, retryOf: reused, forkOf: reused },
    external: false,
  },
  'run.started': {},
  'run.progress': { progress: 5, message: log },
  'run.paused': { reason: log },
  'run.resumed': { reason: log },
  'run.completed': { output: [output], duration: 9 },
  'run.stopping': { outcome: 'failed', reason: log, error: runError, graceUntil: 99 },
  'run.failed': { error: runError, duration: 9 },
  'run.cancelled': { reason: log, duration: 9 },
  'graph.updated': { add: nodes('added'), expand: { node: 'n', items: [input, { x: input }], count: 2 } },
  'node.queued': { reason: log, input: { x: input }, task: 't' },
  'node.started': { task: 't', version: 'v1', worker: identity, lease: 6_000 },
  'node.progress': { progress: 50, message: log },
  'node.retrying': { error: runError, nextAt: 50 },
  'node.waiting': { waits: ['w1'] },
  'node.parked': { reason: 'draining' },
  'node.completed': { output: { x: output }, duration: 4, reused },
  'node.failed': { error: runError, duration: 4 },
  'node.skipped': { reason: log },
  'node.cancelled': { reason: log },
  'attempt.lost': { reason: 'hung' },
  'step.started': { name: 's', key: input },
  'step.progress': { name: 's', key: input, progress: 3, message: log },
  'step.completed': { name: 's', key: input, output: [output], duration: 2, reused },
  'step.failed': { name: 's', key: input, error: runError, duration: 2 },
  log: { level: 'warning', message: log, metadata: { deep: [log] } },
  'agent.started': { ...message, model: agent, note: agent },
  'agent.message': { ...message, role: 'user', text: agent },
  'agent.thinking': { ...message, text: agent },
  'agent.token': { ...message, text: agent },
  'agent.completed': { ...message, text: agent, tokens: { input: 1, output: 2 }, finish: agent },
  'agent.tool_call': { ...call, arguments: { q: tool }, status: 'running' },
  'agent.tool_result': { ...call, status: 'completed', result: tool, error: tool },
  'approval.requested': {
    approvalId: 'w1',
    title: wait,
    details: { text: wait },
    options: [wait],
    timeoutAt: 500,
    onTimeout: 'reject',
    onReject: 'fail',
    escalation: { level: 1, to: identity },
    escalateTo: [{ to: identity, timeout: 5 }],
  },
  'approval.resolved': { approvalId: 'w1', decision: wait, comment: wait, reused },
  'input.requested': { inputId: 'w1', prompt: wait, schema: { title: wait }, timeoutAt: 500, default: wait },
  'input.provided': { inputId: 'w1', value: [wait], reused },
  'input.timed_out': { inputId: 'w1', value: wait, reused },
  'sleep.started': { sleepId: 'w1', until: 500 },
  'sleep.ended': { sleepId: 'w1', reused },
  'child.started': { childId: 'w1', run: 'r2', workflow: 'w2', input, detached: true },
  'child.ended': { childId: 'w1', run: 'r2', outcome: 'failed', output, error: runError, reused },
  'kb.started': { ...document, bytes: 7 },
  'kb.processing': { ...document, phase: 'chunking', progress: 30, chunks: 3, embeddings: 0 },
  'kb.completed': { ...document, chunks: 3, embeddings: 3 },
  'kb.failed': { ...document, error: kb, failedPhase: 'embedding' },
  usage: { model: cost, inputTokens: 1, outputTokens: 2, cost: { amount: 0.25, currency: 'USD' } },
  'budget.exceeded': { limit: 1, total: 987_654, currency: 'USD' },
  metric: { name: log, value: 3, unit: 's' },
  'file.created': fileFacts,
  'file.updated': fileFacts,
  'checkpoint.saved': { key: output, state: { x: output }, reused },
  error: { code: error, message: error },
};
