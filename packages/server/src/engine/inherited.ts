import {
  type ControlView,
  definitionId,
  graphIndex,
  type NewEvent,
  type NodeView,
  type Reused,
  type StepView,
  stepId,
  type WaitView,
} from '@millrace/protocol';
import type { Place, Share } from './shares.ts';

interface Found {
  /** where it stands in the ancestor's log */
  seq: number;
  event: NewEvent;
}

/**
 * The events with which a copied run begins, in the order of the ancestor's log: a result each, copied with where it
 * was first written. Large values stay the blobs that they are. No content, no usage, no open wait, no failure.
 */
export function inheritedOf(control: ControlView, shares: ReadonlyMap<string, Share>, from?: Place): NewEvent[] {
  const found: Found[] = [];
  const limits = new Map(from?.step === undefined ? [] : [[from.node, placeOf(control, from.node, from.step) ?? 0]]);
  const keep = (seq: number, event: NewEvent): void => {
    if (seq < (limits.get(event.node ?? '') ?? Number.POSITIVE_INFINITY)) found.push({ seq, event });
  };
  for (const node of Object.values(control.nodes)) {
    const share = shares.get(node.id) ?? 'nothing';
    if (share === 'nothing') continue;
    expansion(node, keep);
    if (share === 'whole') end(control, node, keep);
    if (share === 'whole' || !isChild(control, node)) journal(control, node, keep);
  }
  for (const wait of Object.values(control.waits)) {
    const node = control.nodes[wait.node];
    const share = shares.get(wait.node) ?? 'nothing';
    if (!node || share === 'nothing' || (share === 'journal' && isChild(control, node))) continue;
    const again = share === 'journal' && from?.node !== node.id && node.error !== undefined && mayHaveFailed(wait);
    if (!again) answer(control, wait, keep);
  }
  return found.sort((a, b) => a.seq - b.seq).map(({ event }) => event);
}

/** Where the result of a step, or the answer of a wait, stands in the log; undefined = the node knows no such. */
export function placeOf(control: ControlView, node: string, step: string): number | undefined {
  const done = control.nodes[node]?.steps[step];
  if (done) return done.seq;
  const wait = [`${node}:${step}`, step].map((id) => control.waits[id]).find((one) => one?.node === node);
  return wait?.endedSeq ?? wait?.seq;
}

type Keep = (seq: number, event: NewEvent) => void;

/** A sub-workflow's node: its child run is its only result, and a new attempt starts another. */
function isChild(control: ControlView, node: NodeView): boolean {
  return graphIndex(control.graph).nodes.get(definitionId(node.id))?.workflow !== undefined;
}

/** Answers that may be what made a node fail; asked again, or the node would fail as before. */
function mayHaveFailed({ approval, input, child, status }: WaitView): boolean {
  if (child) return child.outcome !== 'completed';
  if (input) return status === 'timed_out' && input.value === undefined;
  if (approval?.decision === 'rejected') return approval.onReject === 'fail';
  return approval?.decision === 'timed_out' && approval.onTimeout === 'fail';
}

function expansion(node: NodeView, keep: Keep): void {
  if (!node.items) return;
  const { values, count } = node.items;
  const event: NewEvent = {
    type: 'graph.updated',
    by: 'system',
    data: { expand: { node: node.id, items: values, count } },
  };
  keep(node.startedSeq ?? 0, event);
}

function end(control: ControlView, node: NodeView, keep: Keep): void {
  const seq = node.endedSeq ?? 0;
  const { id, output, reason = 'join_lost' } = node;
  if (node.status === 'completed') {
    const data = { ...(output === undefined ? {} : { output }), reused: node.reused ?? { run: control.run, seq } };
    keep(seq, { type: 'node.completed', node: id, by: 'system', data });
  } else {
    const type = node.status === 'skipped' ? 'node.skipped' : 'node.cancelled';
    keep(seq, { type, node: id, by: 'system', data: { reason } });
  }
}

function journal(control: ControlView, node: NodeView, keep: Keep): void {
  for (const step of Object.values(node.steps)) {
    if (step.status === 'completed') keep(step.seq, stepResult(control, node.id, step));
  }
  for (const [key, { seq, state }] of Object.entries(node.checkpoints ?? {})) {
    const reused = { run: control.run, seq };
    keep(seq, { type: 'checkpoint.saved', node: node.id, by: 'system', data: { key, state, reused } });
  }
}

function stepResult({ run }: ControlView, node: string, { name, key, output, reused, seq }: StepView): NewEvent {
  const data = {
    name,
    ...(key === undefined ? {} : { key }),
    ...(output === undefined ? {} : { output }),
    reused: reused ?? { run, seq },
  };
  return { type: 'step.completed', node, step: stepId(name, key), by: 'system', data };
}

function answer({ run }: ControlView, wait: WaitView, keep: Keep): void {
  if (wait.status !== 'answered' && wait.status !== 'timed_out') return;
  const seq = wait.endedSeq ?? wait.seq;
  // Who decided stands with the decision, also where it was taken over.
  keep(seq, { node: wait.node, by: wait.by ?? 'system', ...answered(wait, wait.reused ?? { run, seq }) } as NewEvent);
}

function answered(wait: WaitView, reused: Reused): Pick<NewEvent, 'type' | 'data'> {
  const { id, approval, input, child } = wait;
  switch (wait.kind) {
    case 'approval': {
      const { decision = 'timed_out', comment } = approval ?? {};
      const said = comment === undefined ? {} : { comment };
      return { type: 'approval.resolved', data: { approvalId: id, decision, ...said, reused } };
    }
    case 'input': {
      const { value } = input ?? {};
      if (wait.status === 'answered')
        return { type: 'input.provided', data: { inputId: id, value: value ?? null, reused } };
      return { type: 'input.timed_out', data: { inputId: id, ...(value === undefined ? {} : { value }), reused } };
    }
    case 'sleep':
      return { type: 'sleep.ended', data: { sleepId: id, reused } };
    case 'child': {
      const { run = '', outcome = 'completed', output, error } = child ?? {};
      const result = { ...(output === undefined ? {} : { output }), ...(error ? { error } : {}) };
      return { type: 'child.ended', data: { childId: id, run, outcome, ...result, reused } };
    }
  }
}
