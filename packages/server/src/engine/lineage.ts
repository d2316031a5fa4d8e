import {
  type ControlView,
  definitionId,
  type ForkRun,
  graphIndex,
  isTerminal,
  MillraceError,
  type NewEvent,
  type NewEventOf,
  type NodeView,
  type RetryRun,
  type Reused,
  type WaitView,
} from '@millrace/protocol';

/** What a new run is made of: its first event, and one event per result that it inherits. */
export interface Descent {
  data: NewEventOf<'run.created'>['data'];
  inherited: NewEvent[];
}

/**
 * A run that does an ended one again: from its start, from what failed, or from a finished node or step, with all that
 * follows from it. Results before that are copied, so the ancestor may be deleted. Skipped nodes are decided again.
 * Errors: invalid_transition (the run is live, external, or did not fail), node_not_found, invalid_request.
 */
export function retryOf(ancestor: ControlView, { from, input }: RetryRun): Descent {
  if (!isTerminal(ancestor.status)) {
    throw new MillraceError('invalid_transition', {
      detail: `The run is ${ancestor.status}; only an ended run can be retried.`,
      facts: { from: ancestor.status, allowed: ['completed', 'failed', 'cancelled'] },
    });
  }
  if (input !== undefined && from !== 'start') {
    throw new MillraceError('invalid_request', {
      detail: 'Another input needs from: "start"; results of the old input would not fit it.',
    });
  }
  const lineage = { retryOf: { run: ancestor.run, seq: ancestor.endedSeq ?? ancestor.ctl } };
  const data = { ...created(ancestor, lineage), ...(input === undefined ? {} : { input }) };
  if (from === 'start') return { data, inherited: [] };
  const { redo, before } = from === 'failed' ? failedNodes(ancestor) : chosenNode(ancestor, from);
  return { data, inherited: inherit(ancestor, redo, before) };
}

/** A run that goes on from the state that another had at a seq; `ancestor` is the view folded up to there. */
export function forkOf(ancestor: ControlView, { seq }: ForkRun): Descent {
  return {
    data: created(ancestor, { forkOf: { run: ancestor.run, seq } }),
    inherited: inherit(ancestor, new Set(), new Map()),
  };
}

function created(ancestor: ControlView, lineage: Descent['data']['lineage']): Descent['data'] {
  if (ancestor.external) {
    throw new MillraceError('invalid_transition', {
      detail: 'Another system executed this run; only that can execute it again.',
      facts: { from: 'external' },
    });
  }
  const { idempotencyKey: _key, delayUntil: _delay, ...options } = ancestor.options;
  return {
    workflow: ancestor.workflow,
    nodes: [...ancestor.graph],
    input: ancestor.input,
    ...(ancestor.version === undefined ? {} : { version: ancestor.version }),
    ...(Object.keys(options).length === 0 ? {} : { options }),
    ...(ancestor.owner === undefined ? {} : { owner: ancestor.owner }),
    ...(ancestor.tags.length === 0 ? {} : { tags: ancestor.tags }),
    ...(lineage ? { lineage } : {}),
  };
}

/** Nodes to be done again, and of some the seq before which their own results still count. */
interface Redo {
  redo: Set<string>;
  before: Map<string, number>;
}

function failedNodes(ancestor: ControlView): Redo {
  const failed = ancestor.graph
    .map(({ id }) => id)
    .filter((id) => ['failed', 'cancelled'].includes(ancestor.nodes[id]?.status ?? ''));
  if (failed.length === 0) {
    throw new MillraceError('invalid_transition', {
      detail: 'No node of this run failed; retry it from its start or from a node.',
      facts: { from: ancestor.status },
    });
  }
  // What a failed node finished in its steps and items stands; what came after it does not.
  return { redo: downstream(ancestor, failed), before: new Map(failed.map((id) => [id, Number.POSITIVE_INFINITY])) };
}

function chosenNode(ancestor: ControlView, from: { node: string; step?: string }): Redo {
  const node = ancestor.nodes[from.node];
  const step = from.step === undefined ? undefined : node?.steps[from.step];
  if (!node || (from.step !== undefined && !step)) {
    throw new MillraceError('node_not_found', {
      detail: `The run has no ${from.step === undefined ? 'node' : 'step'} "${from.node}${from.step === undefined ? '' : `/${from.step}`}".`,
    });
  }
  const definition = definitionId(from.node);
  return {
    redo: downstream(ancestor, [definition]),
    before: new Map([
      [from.node, step?.seq ?? 0],
      ...(definition === from.node ? [] : [[definition, Number.POSITIVE_INFINITY] as const]),
    ]),
  };
}

/** The nodes themselves, and everything that needs them or handles their failure. */
function downstream(ancestor: ControlView, from: readonly string[]): Set<string> {
  const index = graphIndex(ancestor.graph);
  const found = new Set<string>();
  const open = [...from];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    open.push(...(index.dependants.get(id) ?? []));
    const handler = index.handlerOf.get(id);
    if (handler !== undefined) open.push(handler);
  }
  return found;
}

function inherit(ancestor: ControlView, redo: ReadonlySet<string>, before: ReadonlyMap<string, number>): NewEvent[] {
  const events: NewEvent[] = [];
  const reused = (seq: number | undefined): Reused => ({ run: ancestor.run, seq: seq ?? ancestor.ctl });
  const limitOf = (node: NodeView): number => {
    const own = before.get(node.id);
    if (own !== undefined) return own;
    const definition = definitionId(node.id);
    return redo.has(definition) ? (before.get(definition) ?? 0) : Number.POSITIVE_INFINITY;
  };
  for (const node of Object.values(ancestor.nodes)) {
    if (node.items && limitOf(node) > 0) {
      events.push({
        type: 'graph.updated',
        by: 'system',
        data: { expand: { node: node.id, items: node.items.values, count: node.items.count } },
      });
    }
  }
  for (const node of Object.values(ancestor.nodes)) {
    const limit = limitOf(node);
    if (limit <= 0) continue;
    const where = { node: node.id, by: 'system' };
    const isRedone = before.has(node.id) || (node.parent === undefined && redo.has(node.id));
    if (node.status === 'completed' && !isRedone) {
      const output = node.output === undefined ? {} : { output: node.output };
      events.push({ type: 'node.completed', ...where, data: { ...output, reused: reused(node.endedSeq) } });
      continue;
    }
    for (const [step, { name, key, status, output, seq }] of Object.entries(node.steps)) {
      if (status !== 'completed' || seq >= limit) continue;
      const result = { name, ...(key === undefined ? {} : { key }), ...(output === undefined ? {} : { output }) };
      events.push({ type: 'step.completed', ...where, step, data: { ...result, reused: reused(seq) } });
    }
    for (const [key, { seq, state }] of Object.entries(node.checkpoints ?? {})) {
      if (seq < limit) events.push({ type: 'checkpoint.saved', ...where, data: { key, state, reused: reused(seq) } });
    }
  }
  for (const wait of Object.values(ancestor.waits)) {
    const node = ancestor.nodes[wait.node];
    const ended = wait.status === 'answered' || wait.status === 'timed_out';
    if (!node || !ended || (wait.endedSeq ?? 0) >= limitOf(node)) continue;
    if (node.status === 'completed' && !before.has(node.id) && !redo.has(definitionId(node.id))) continue;
    events.push(answerOf(wait, reused(wait.endedSeq)));
  }
  return events;
}

function answerOf(wait: WaitView, reused: Reused): NewEvent {
  const where = { node: wait.node, by: wait.by ?? 'system' };
  switch (wait.kind) {
    case 'approval': {
      const { decision = 'timed_out', comment } = wait.approval ?? {};
      return {
        type: 'approval.resolved',
        ...where,
        data: { approvalId: wait.id, decision, ...(comment === undefined ? {} : { comment }), reused },
      };
    }
    case 'input': {
      const value = wait.input?.value;
      if (wait.status === 'answered')
        return { type: 'input.provided', ...where, data: { inputId: wait.id, value: value ?? null, reused } };
      return {
        type: 'input.timed_out',
        ...where,
        data: { inputId: wait.id, ...(value === undefined ? {} : { value }), reused },
      };
    }
    case 'sleep':
      return { type: 'sleep.ended', ...where, data: { sleepId: wait.id, reused } };
    case 'child': {
      const { run = '', outcome = 'completed', output, error } = wait.child ?? {};
      return {
        type: 'child.ended',
        ...where,
        data: {
          childId: wait.id,
          run,
          outcome,
          ...(output === undefined ? {} : { output }),
          ...(error ? { error } : {}),
          reused,
        },
      };
    }
  }
}
