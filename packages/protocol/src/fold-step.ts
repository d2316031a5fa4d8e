import { own } from './draft.ts';
import { type EventOf, stepId } from './event.ts';
import type { NodeFold } from './fold-node.ts';
import { pick } from './pick.ts';

export function foldStep(nodes: NodeFold, event: EventOf<'step.started' | 'step.completed' | 'step.failed'>): void {
  const node = nodes.nodeOrNew(event.node ?? '');
  const steps = own(node, 'steps', nodes.fresh);
  const { name, key } = event.data;
  const id = stepId(name, key);
  const base = { ...pick(event.data, 'name', 'key'), attempt: event.attempt ?? node.attempt, seq: event.seq };
  if (event.type === 'step.started') {
    steps[id] = { ...base, status: 'running', startedAt: event.at };
    return;
  }
  const times = { startedAt: steps[id]?.startedAt ?? event.at, endedAt: event.at };
  if (event.type === 'step.failed') {
    steps[id] = { ...base, ...times, status: 'failed', error: event.data.error };
    return;
  }
  steps[id] = { ...base, ...times, status: 'completed', ...pick(event.data, 'output', 'reused') };
  node.durableSeq = event.seq;
  node.lost = 0;
}

export function foldCheckpoint(nodes: NodeFold, { node: id, data, seq, at }: EventOf<'checkpoint.saved'>): void {
  const node = nodes.nodeOrNew(id ?? '');
  node.checkpoints ??= {};
  own(node, 'checkpoints', nodes.fresh)[data.key] = { seq, at, state: data.state };
  node.durableSeq = seq;
  node.lost = 0;
}
