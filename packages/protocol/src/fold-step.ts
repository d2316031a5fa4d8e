import { own } from './draft.ts';
import { type EventOf, stepId } from './event.ts';
import type { NodeFold } from './fold-node.ts';
import type { StepView } from './view.ts';

export function foldStep(nodes: NodeFold, event: EventOf<'step.started' | 'step.completed' | 'step.failed'>): void {
  const node = nodes.nodeOrNew(event.node ?? '');
  const steps = own(node, 'steps', nodes.fresh);
  const { name, key } = event.data;
  const id = stepId(name, key);
  const began = event.type === 'step.started' ? undefined : steps[id]?.startedAt;
  const step: StepView = {
    name,
    attempt: event.attempt ?? node.attempt,
    status: 'running',
    seq: event.seq,
    startedAt: began ?? event.at,
  };
  if (key !== undefined) step.key = key;
  steps[id] = step;
  if (event.type === 'step.started') return;
  step.endedAt = event.at;
  if (event.type === 'step.failed') {
    step.status = 'failed';
    step.error = event.data.error;
    return;
  }
  step.status = 'completed';
  if (event.data.output !== undefined) step.output = event.data.output;
  if (event.data.reused !== undefined) step.reused = event.data.reused;
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
