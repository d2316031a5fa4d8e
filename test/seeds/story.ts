import type { NewEvent } from './server-process.ts';

const agent = { agentId: 'writer', messageId: 'm1' };
const document = { kbId: 'handbook', documentId: 'd1', fileName: 'rivers.pdf' };
const file = {
  name: 'report.md',
  type: 'text/markdown',
  bytes: 5,
  sha256: 'a'.repeat(64),
  url: `/api/files/${'a'.repeat(64)}`,
};

/** What a run tells that does everything the four texts have a word for, as its producer appends it, up to its end. */
export const story: readonly NewEvent[][] = [
  [{ type: 'node.started', node: 'plan', data: { task: 'planner' } }],
  [
    { type: 'log', node: 'plan', data: { level: 'info', message: 'Planning.', metadata: { depth: 2 } } },
    { type: 'log', node: 'plan', data: { level: 'debug', message: 'Details.' } },
    { type: 'log', data: { level: 'warning', message: 'Slow.' } },
  ],
  [
    { type: 'step.started', node: 'plan', data: { name: 'outline' } },
    { type: 'step.progress', node: 'plan', data: { name: 'outline', progress: 50, message: 'Half' } },
    { type: 'step.completed', node: 'plan', data: { name: 'outline', output: ['a', 'b'], duration: 12 } },
    {
      type: 'step.failed',
      node: 'plan',
      data: { name: 'verify', error: { code: 'step_failed', message: 'No source.' } },
    },
  ],
  [
    { type: 'node.progress', node: 'plan', data: { progress: 40, message: 'Thinking' } },
    { type: 'run.progress', data: { progress: 20, message: 'Planning' } },
  ],
  [
    { type: 'agent.started', node: 'plan', data: { ...agent, model: 'm' } },
    { type: 'agent.thinking', node: 'plan', data: { ...agent, text: 'Hm.' } },
    { type: 'agent.token', node: 'plan', data: { ...agent, text: 'Rivers ' } },
  ],
  [{ type: 'agent.token', node: 'plan', data: { ...agent, text: 'flow.' } }],
  [
    {
      type: 'agent.tool_call',
      node: 'plan',
      data: { ...agent, callId: 'c1', name: 'search', arguments: { q: 'rivers' }, status: 'running' },
    },
    {
      type: 'agent.tool_result',
      node: 'plan',
      data: { ...agent, callId: 'c1', name: 'search', status: 'completed', result: 3 },
    },
    {
      type: 'agent.completed',
      node: 'plan',
      data: { ...agent, text: 'Rivers flow.', tokens: { input: 7, output: 2 } },
    },
    {
      type: 'agent.message',
      node: 'plan',
      data: { agentId: 'writer', messageId: 'm2', role: 'assistant', text: 'Done.' },
    },
  ],
  [
    {
      type: 'usage',
      node: 'plan',
      data: { model: 'm', inputTokens: 7, outputTokens: 2, cost: { amount: 0.01, currency: 'USD' } },
    },
    { type: 'metric', node: 'plan', data: { name: 'recall', value: 0.5 } },
    { type: 'file.created', node: 'plan', data: file },
    { type: 'file.updated', node: 'plan', data: file },
    { type: 'error', node: 'plan', data: { code: 'flaky', message: 'Tried again.' } },
  ],
  [
    { type: 'kb.started', node: 'plan', data: { ...document, bytes: 1234 } },
    { type: 'kb.processing', node: 'plan', data: { ...document, phase: 'extraction', progress: 10 } },
    { type: 'kb.processing', node: 'plan', data: { ...document, phase: 'indexing', progress: 90 } },
    { type: 'kb.completed', node: 'plan', data: { ...document, chunks: 12, embeddings: 11 } },
    {
      type: 'kb.failed',
      node: 'plan',
      data: { ...document, documentId: 'd2', error: 'Not a PDF.', failedPhase: 'extraction' },
    },
  ],
  [{ type: 'node.completed', node: 'plan', data: { output: { chapters: 2 }, duration: 30 } }],
  [{ type: 'node.started', node: 'write', data: { task: 'writer' } }],
  [{ type: 'node.failed', node: 'write', data: { error: { code: 'task_failed', message: 'Out of ink.' } } }],
];

/** How a run ends. */
export const completed: NewEvent = { type: 'run.completed', data: { output: { pages: 3 }, duration: 60 } };
export const failed: NewEvent = {
  type: 'run.failed',
  data: { error: { code: 'task_failed', message: 'Out of ink.', node: 'write' } },
};

/** So many log lines, 100 to an append. */
export function lines(from: number, to: number): NewEvent[][] {
  const batches: NewEvent[][] = [];
  for (let first = from; first < to; first += 100) {
    const count = Math.min(100, to - first);
    batches.push(
      Array.from({ length: count }, (_, n) => ({ type: 'log', data: { level: 'info', message: `line ${first + n}` } })),
    );
  }
  return batches;
}
