import type { EventData, EventOf, EventType, RunEvent } from '@millrace/protocol/event';
import { fold } from '@millrace/protocol/fold';
import { emptyView, type RunView } from '@millrace/protocol/view';

/** 2026-01-05 09:00 UTC */
export const START = 1_767_603_600_000;

export interface Place {
  node?: string;
  step?: string;
  attempt?: number;
  by?: string;
}

/** Writes a run's log for tests: every event one tick of 100 ms after the last. */
export class SampleLog {
  readonly run: string;
  readonly events: RunEvent[] = [];

  constructor(run = 'run-1') {
    this.run = run;
  }

  add<T extends EventType>(type: T, data: EventData[T], place: Place = {}): this {
    const seq = this.events.length + 1;
    this.events.push({ seq, at: START + seq * 100, type, ...place, data } as EventOf<T> as RunEvent);
    return this;
  }

  view(): RunView {
    return this.events.reduce((view, event) => fold(view, event), emptyView(this.run));
  }
}

const answer = { node: 'answer', attempt: 1 };
const agent = { agentId: 'answerer', messageId: 'm1' };

/** ask-docs up to its first documents. */
export function documentsLog(run?: string, count = 5): SampleLog {
  const log = new SampleLog(run)
    .add('run.created', {
      workflow: 'ask-docs',
      nodes: [
        { id: 'find', task: 'find-documents' },
        { id: 'index', task: 'index-documents', needs: ['find'] },
        { id: 'answer', task: 'answer', needs: ['index'] },
        { id: 'report', task: 'report', needs: ['answer'] },
      ],
      input: { question: 'How do I validate a request body?' },
      owner: 'demo',
    })
    .add('node.started', { task: 'find-documents', worker: 'local' }, { node: 'find', attempt: 1 })
    .add('log', { level: 'info', message: `Found ${count} documents` }, { node: 'find', attempt: 1 })
    .add('node.completed', { output: count }, { node: 'find', attempt: 1 })
    .add('node.started', { task: 'index-documents', worker: 'local' }, { node: 'index', attempt: 1 });
  for (let at = 0; at < count; at++) {
    const document = { kbId: 'docs', documentId: `d${at}`, fileName: `Guides/Document-${at}.md` };
    const place = { node: 'index', step: `document/${document.fileName}`, attempt: 1 };
    const step = { name: 'document', key: document.fileName };
    log
      .add('step.started', step, place)
      .add('kb.started', { ...document, bytes: 4_000 + at * 311 }, place)
      .add('kb.processing', { ...document, phase: 'chunking', progress: 40, chunks: 12 }, place)
      .add('kb.completed', { ...document, chunks: 12 + at, embeddings: 0 }, place)
      .add('step.completed', { ...step, output: 12 + at }, place)
      .add(
        'log',
        { level: 'debug', message: `${document.fileName}: ${12 + at} chunks` },
        { node: 'index', attempt: 1 },
      );
  }
  return log.add('node.completed', { output: count }, { node: 'index', attempt: 1 });
}

/** … while the agent writes its answer. */
export function streamingLog(run?: string, count?: number): SampleLog {
  const log = documentsLog(run, count)
    .add('node.started', { task: 'answer', worker: 'local' }, answer)
    .add('agent.started', { ...agent, model: 'offline-extractive', note: 'Offline: quotes the documents.' }, answer)
    .add(
      'agent.tool_call',
      { ...agent, callId: 'c1', name: 'search', arguments: { query: 'validate body' }, status: 'running' },
      answer,
    )
    .add(
      'agent.tool_result',
      { ...agent, callId: 'c1', name: 'search', status: 'completed', result: [{ file: 'Guides/Document-1.md' }] },
      answer,
    );
  for (const word of 'Fastify validates the body of a request against the JSON Schema that the route declares'.split(
    ' ',
  )) {
    log.add('agent.token', { ...agent, text: `${word} ` }, answer);
  }
  return log;
}

/** … parked on its approval. */
export function approvalLog(run?: string, count?: number): SampleLog {
  return streamingLog(run, count)
    .add('agent.completed', { ...agent, tokens: { input: 812, output: 16 } }, answer)
    .add(
      'usage',
      { model: 'offline-extractive', inputTokens: 812, outputTokens: 16, cost: { amount: 0.0042, currency: 'USD' } },
      answer,
    )
    .add('node.completed', { output: 'answered' }, answer)
    .add('node.started', { task: 'report', worker: 'local' }, { node: 'report', attempt: 1 })
    .add(
      'approval.requested',
      {
        approvalId: 'publish',
        title: 'Publish this answer?',
        details: { question: 'How do I validate a request body?' },
      },
      { node: 'report', attempt: 1 },
    )
    .add('node.waiting', { waits: ['publish'] }, { node: 'report', attempt: 1 });
}

/** … approved and ended, with its report. */
export function completedLog(run?: string, count?: number): SampleLog {
  const report = { node: 'report', attempt: 2 };
  return approvalLog(run, count)
    .add(
      'approval.resolved',
      { approvalId: 'publish', decision: 'approved', comment: 'Good.' },
      { node: 'report', by: 'user:demo' },
    )
    .add('node.started', { task: 'report', worker: 'local' }, report)
    .add(
      'file.created',
      {
        name: 'report.md',
        type: 'text/markdown',
        bytes: 1_234,
        sha256: 'ab'.repeat(32),
        url: `/api/files/${'ab'.repeat(32)}`,
      },
      report,
    )
    .add('node.completed', { output: 'report.md' }, report)
    .add('run.completed', { output: { report: 'report.md' }, duration: 9_000 });
}
