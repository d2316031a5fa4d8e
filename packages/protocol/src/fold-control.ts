import { draft, type Fresh, own } from './draft.ts';
import type { EventOf, RunEvent } from './event.ts';
import { NodeFold } from './fold-node.ts';
import { foldCheckpoint, foldStep } from './fold-step.ts';
import { closeWaits, isWaitEvent } from './fold-wait.ts';
import { isNodeEnded, type NodeState } from './node.ts';
import { pick } from './pick.ts';
import { type RunMove, runTable } from './run.ts';
import { type ControlView, type NodeView, noUsage, type Usage } from './view.ts';

/** Collects what a fold moved: what rows, queues and dialects are derived from. */
export interface Trace {
  nodes: { id: string; from: NodeState; to: NodeState }[];
  /** pending nodes whose needs have ended and that now wait for an expression */
  ready: string[];
}

/** Folds one control event. Trusts the log: whether an event is allowed was decided before it was written. */
export function foldControl(control: ControlView, event: RunEvent, fresh?: Fresh, trace?: Trace): ControlView {
  const view = draft(control, fresh);
  view.ctl = event.seq;
  const nodes = new NodeFold(view, event, fresh, trace);
  switch (event.type) {
    case 'run.created':
      created(nodes, event);
      break;
    case 'graph.updated':
      graphUpdated(nodes, event);
      break;
    case 'node.queued':
    case 'node.started':
    case 'node.retrying':
    case 'node.waiting':
    case 'node.parked':
    case 'node.completed':
    case 'node.failed':
    case 'node.skipped':
    case 'node.cancelled':
    case 'attempt.lost':
      nodes.moved(event);
      break;
    case 'step.started':
    case 'step.completed':
    case 'step.failed':
      foldStep(nodes, event);
      break;
    case 'checkpoint.saved':
      foldCheckpoint(nodes, event);
      break;
    case 'usage':
      usage(nodes, event);
      break;
    default:
      if (event.type in runTable.created) runMoved(nodes, event as EventOf<RunMove>);
      else if (isWaitEvent(event)) nodes.waited(event);
  }
  return view;
}

function created(nodes: NodeFold, { data, at }: EventOf<'run.created'>): void {
  const { view } = nodes;
  view.workflow = data.workflow;
  view.input = data.input;
  view.options = data.options ?? {};
  view.tags = data.tags ?? [];
  view.external = data.external ?? false;
  view.createdAt = at;
  Object.assign(view, pick(data, 'version', 'owner', 'lineage'));
  // It is the event's own graph, and that of other runs of the same workflow, until it grows.
  view.graph = data.nodes;
  nodes.enter(data.nodes);
}

function graphUpdated(nodes: NodeFold, { data }: EventOf<'graph.updated'>): void {
  if (data.add) nodes.addAll(data.add);
  if (data.expand) nodes.expand(data.expand);
}

function runMoved(nodes: NodeFold, event: EventOf<RunMove>): void {
  const { view } = nodes;
  const to = runTable[view.status][event.type];
  if (to === null) return;
  if (event.type === 'run.started') return nodes.start();
  view.status = to;
  view.statusSeq = event.seq;
  switch (event.type) {
    case 'run.stopping':
      view.stop = pick(event.data, 'outcome', 'graceUntil', 'reason', 'error');
      return;
    case 'run.completed':
      Object.assign(view, pick(event.data, 'output'));
      break;
    case 'run.failed':
      view.error = event.data.error;
      break;
    case 'run.cancelled':
      Object.assign(view, pick(event.data, 'reason'));
      break;
    default:
      return;
  }
  view.endedAt = event.at;
  view.endedSeq = event.seq;
  for (const id in view.nodes) {
    if (!isNodeEnded((view.nodes[id] as NodeView).status)) nodes.move(nodes.node(id) as NodeView, 'cancelled');
  }
  closeWaits(view, event, nodes.fresh);
}

function usage(nodes: NodeFold, { node: id, data }: EventOf<'usage'>): void {
  addUsage(own(nodes.view, 'usage', nodes.fresh), data, nodes.fresh);
  const node = id === undefined ? undefined : nodes.node(id);
  if (!node) return;
  node.usage ??= noUsage();
  addUsage(own(node, 'usage', nodes.fresh) as Usage, data, nodes.fresh);
}

function addUsage(total: Usage, { inputTokens, outputTokens, cost }: EventOf<'usage'>['data'], fresh?: Fresh): void {
  total.inputTokens += inputTokens ?? 0;
  total.outputTokens += outputTokens ?? 0;
  if (!cost) return;
  const costs = own(total, 'cost', fresh);
  costs[cost.currency] = (costs[cost.currency] ?? 0) + cost.amount;
}
