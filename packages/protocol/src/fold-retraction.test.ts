import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type RunEvent, stepId } from './event.ts';
import { isControl } from './event-kind.ts';
import { fold } from './fold.ts';
import { graph, Log } from './log.suite.ts';
import { isSuperseded } from './retraction.ts';
import { type ContentView, emptyView, type Origin, type RunView } from './view.ts';

/** What may happen to one of two nodes: its attempt is lost, something becomes durable, something is told. */
const op = fc.record({
  node: fc.constantFrom('n', 'm'),
  what: fc.oneof(
    { weight: 3, arbitrary: fc.constant('attempt' as const) },
    { weight: 2, arbitrary: fc.constant('checkpoint' as const) },
    { weight: 4, arbitrary: fc.constantFrom('step begins' as const, 'step ends' as const) },
    {
      weight: 12,
      arbitrary: fc.constantFrom(
        ...(['log', 'token', 'thinking', 'call', 'result', 'done', 'file', 'metric', 'error', 'document'] as const),
      ),
    },
  ),
  /** which step, or which name */
  which: fc.integer({ min: 0, max: 1 }),
  inStep: fc.boolean(),
});
type Op = typeof op extends fc.Arbitrary<infer T> ? T : never;

function logOf(ops: readonly Op[]): RunEvent[] {
  const log = Log.of(graph('n', 'm'));
  for (const { node: id, what, which, inStep } of ops) {
    const node = log.view.control.nodes[id];
    if (what === 'attempt') {
      if (node?.status === 'running') log.lose(id);
      log.start(id, (node?.attempt ?? 0) + 1);
      continue;
    }
    if (node?.status !== 'running') continue;
    const place = { node: id, attempt: node.attempt };
    const step = { name: 's', key: `${which}` };
    const isOpen = (key: number) => {
      const seen = node.steps[stepId('s', `${key}`)];
      return seen?.status === 'running' && seen.attempt === node.attempt;
    };
    if (what === 'checkpoint') log.write('checkpoint.saved', { key: 'k', state: 1 }, place);
    else if (what === 'step begins') {
      if (node.steps[stepId('s', `${which}`)]?.status !== 'completed') log.write('step.started', step, place);
    } else if (what === 'step ends') {
      if (isOpen(which)) log.write('step.completed', step, place);
    } else tell(log, what, which, { ...place, ...(inStep && isOpen(which) ? { step: stepId('s', `${which}`) } : {}) });
  }
  return log.events;
}

function tell(
  log: Log,
  what: Op['what'],
  which: number,
  place: { node: string; attempt: number; step?: string },
): void {
  const text = `${log.events.length} `;
  // What grows event by event is told in one step, or outside of all: an agent and an ingestion are steps themselves.
  const own = place.step ?? `outside ${which}`;
  const message = { agentId: 'a', messageId: own };
  const call = { ...message, callId: `c${which}`, name: 't' };
  const document = { kbId: 'k', documentId: own, fileName: 'f' };
  switch (what) {
    case 'log':
      return void log.write('log', { level: 'info', message: text }, place);
    case 'token':
      return void log.write('agent.token', { ...message, text }, place);
    case 'thinking':
      return void log.write('agent.thinking', { ...message, text }, place);
    case 'call':
      return void log.write('agent.tool_call', { ...call, arguments: text, status: 'running' }, place);
    case 'result':
      return void log.write('agent.tool_result', { ...call, status: 'completed', result: text }, place);
    case 'done':
      return void log.write('agent.completed', { ...message, tokens: { output: log.events.length } }, place);
    case 'file':
      return void log.write('file.updated', { ...file, name: `${which}`, bytes: log.events.length }, place);
    case 'metric':
      return void log.write('metric', { name: `${which}`, value: log.events.length }, place);
    case 'error':
      return void log.write('error', { code: 'c', message: text }, place);
    default: {
      if (log.events.length % 2 === 0) log.write('kb.started', document, place);
      else log.write('kb.completed', { ...document, chunks: log.events.length, embeddings: 0 }, place);
    }
  }
}
const file = { type: 'text/plain', sha256: '0'.repeat(64), url: '/f' };

/** The rule as DESIGN §4 words it, looked up in the whole log for one event. */
function isRetracted(log: readonly RunEvent[], told: RunEvent): boolean {
  const ofNode = log.filter(({ node }) => node === told.node);
  return ofNode.some((start) => {
    if (start.type !== 'node.started' || start.seq < told.seq || (start.attempt ?? 0) <= (told.attempt ?? 0))
      return false;
    const before = ofNode.filter(({ seq }) => seq < start.seq);
    if (told.step !== undefined) {
      const ended = before.filter((event) => event.type === 'step.completed');
      return !ended.some(({ data }) => stepId(data.name, data.key) === told.step);
    }
    const durable = before.filter(({ type }) => type === 'step.completed' || type === 'checkpoint.saved');
    return !durable.some(({ seq }) => seq > told.seq);
  });
}

/** What stands, without where it comes from: that is the last event of several, and differs. */
function standing({ logs, messages, files, metrics, errors, documents }: ContentView) {
  const shown = <T extends Origin>(items: readonly T[], look: (item: T) => unknown) =>
    items.flatMap((item) => (item.superseded ? [] : [look(item)]));
  const sorted = (looks: unknown[]) => looks.map((look) => JSON.stringify(look)).sort();
  return {
    lines: shown(logs.lines, ({ seq, message }) => [seq, message]),
    errors: shown(errors, ({ seq, message }) => [seq, message]),
    messages: sorted(
      shown(Object.values(messages), ({ key, text, thinking, status, tokens, tools }) => [
        ...[key, text, thinking, status, tokens],
        tools.map((tool) => [tool.callId, tool.arguments, tool.status, tool.result]),
      ]),
    ),
    files: sorted(shown(files, ({ name, bytes }) => [name, bytes])),
    metrics: sorted(Object.entries(metrics).flatMap(([name, one]) => shown([one], ({ value }) => [name, value]))),
    documents: sorted(
      shown(Object.values(documents), ({ documentId, status, chunks }) => [documentId, status, chunks]),
    ),
  };
}

const foldAll = (events: readonly RunEvent[]): RunView =>
  events.reduce((view, event) => fold(view, event), emptyView('r1'));

test('[PRO-29] whatever was told, lost and made durable in whatever order: what stands is the fold of what no newer attempt has retracted', () => {
  fc.assert(
    fc.property(fc.array(op, { minLength: 10, maxLength: 80, size: 'max' }), (ops) => {
      const log = logOf(ops);
      const rest = log.filter((event) => isControl(event.type) || !isRetracted(log, event));
      expect(standing(foldAll(log).content)).toEqual(standing(foldAll(rest).content));
    }),
    { numRuns: 2_000, seed: 2_026 },
  );
});

test('[PRO-30] any event of the log is known to be retracted by the node as it is now', () => {
  fc.assert(
    fc.property(fc.array(op, { minLength: 10, maxLength: 80, size: 'max' }), (ops) => {
      const log = logOf(ops);
      const { nodes } = foldAll(log).control;
      for (const event of log.filter(({ type }) => !isControl(type)))
        expect(isSuperseded(nodes[event.node ?? ''], event), `seq ${event.seq}`).toBe(isRetracted(log, event));
    }),
    { numRuns: 1_000, seed: 2_026 },
  );
});
