import {
  type ControlView,
  definitionId,
  type GraphNode,
  graphIndex,
  isNodeEnded,
  isTerminal,
  itemId,
  type Json,
  liveAttempts,
  type NewEvent,
  type NodeView,
  openNodes,
  readiness,
  type Trace,
} from '@millrace/protocol';
import { overBudget } from './budget.ts';

/** ms that attempts have to stop by themselves before they are fenced */
export interface AdvanceLimits {
  grace: number;
}

/**
 * What becomes of a managed run after some events were folded: skipped subtrees, ended forEach nodes, joins that
 * no longer need their other branches, and the run's own end. Pure; looks only at what has moved
 * and at its neighbours, so its cost does not grow with the graph. Called again until it answers nothing.
 */
export function advance(control: ControlView, moved: Trace['nodes'], now: number, limits: AdvanceLimits): NewEvent[] {
  if (isTerminal(control.status)) return [];
  if (control.external) return overBudget(control);
  const events: NewEvent[] = [];
  let written: Set<string> | undefined;
  const emit = (event: NewEvent & { node: string }) => {
    written ??= new Set();
    if (written.has(event.node)) return;
    written.add(event.node);
    events.push(event);
  };
  for (const { id, to } of moved) {
    const node = control.nodes[id];
    if (!node || node.status !== to) continue;
    if (isNodeEnded(to)) afterEnd(control, node, emit);
    if (to === 'queued') cancelLostNeeds(control, node, emit);
    if (to === 'failed' && failsRun(control, node) && control.status !== 'stopping') {
      return [...events, stop(control, node, now, limits)];
    }
  }
  if (events.length > 0) return events;
  const budget = overBudget(control);
  return budget.length > 0 ? budget : ending(control, now);
}

function definitionOf(control: ControlView, node: NodeView): GraphNode | undefined {
  return graphIndex(control.graph).nodes.get(definitionId(node.id));
}

function failsRun(control: ControlView, node: NodeView): boolean {
  const onError = definitionOf(control, node)?.onError;
  return node.parent === undefined && (onError === undefined || onError === 'fail');
}

type Emit = (event: NewEvent & { node: string }) => void;

function afterEnd(control: ControlView, node: NodeView, emit: Emit): void {
  if (control.status === 'stopping') return;
  if (node.parent !== undefined) return afterItem(control, node, emit);
  if (node.items && node.status === 'failed') cancelItems(control, node, emit);
  const index = graphIndex(control.graph);
  const handler = index.handlerOf.get(node.id);
  const skip = (id: string) => {
    const dependant = control.nodes[id];
    if (dependant?.status !== 'pending' || readiness(control, dependant) !== 'skip') return;
    emit({ type: 'node.skipped', node: id, by: 'system', data: { reason: skipReason(dependant) } });
  };
  index.dependants.get(node.id)?.forEach(skip);
  if (handler !== undefined) skip(handler);
}

function skipReason(node: NodeView): string {
  if (node.needs.dead > 0) return 'a need failed';
  if (node.handles && node.handles.failed === 0 && node.handles.well === node.handles.total)
    return 'no failure to handle';
  return 'every need was skipped';
}

/** `fail` fails the forEach and cancels its other items; else the forEach completes when all items have ended. */
function afterItem(control: ControlView, item: NodeView, emit: Emit): void {
  const parent = control.nodes[item.parent as string];
  if (!parent?.items || parent.status !== 'running') return;
  const onError = definitionOf(control, item)?.onError ?? 'fail';
  if (item.status === 'failed' && onError === 'fail') {
    const error = item.error ?? { code: 'task_failed', message: 'An item failed.' };
    emit({ type: 'node.failed', node: parent.id, by: 'system', data: { error: { ...error, node: item.id } } });
  } else if (parent.items.open === 0) {
    emit({ type: 'node.completed', node: parent.id, by: 'system', data: {} });
  }
}

function cancelItems(control: ControlView, parent: NodeView, emit: Emit): void {
  for (let index = 0; index < (parent.items?.count ?? 0); index++) {
    const item = control.nodes[itemId(parent.id, index)];
    if (item && !isNodeEnded(item.status)) {
      emit({ type: 'node.cancelled', node: item.id, by: 'system', data: { reason: 'another item failed' } });
    }
  }
}

/** A join any has been released: its other needs are cancelled where nothing else uses them. */
function cancelLostNeeds(control: ControlView, node: NodeView, emit: Emit): void {
  const index = graphIndex(control.graph);
  const definition = index.nodes.get(node.id);
  if (definition?.join !== 'any' || node.attempt > 0) return;
  for (const id of definition.needs ?? []) {
    const need = control.nodes[id];
    if (!need || isNodeEnded(need.status)) continue;
    const alone = (index.dependants.get(id) ?? []).every((other) => other === node.id);
    if (alone) emit({ type: 'node.cancelled', node: id, by: 'system', data: { reason: 'join_lost' } });
    if (alone && need.items) cancelItems(control, need, emit);
  }
}

function stop(control: ControlView, node: NodeView, now: number, limits: AdvanceLimits): NewEvent {
  const error = {
    ...(node.error ?? { code: 'task_failed', message: 'A node failed.' }),
    node: node.error?.node ?? node.id,
  };
  if (liveAttempts(control) === 0)
    return { type: 'run.failed', by: 'system', data: { error, duration: now - control.createdAt } };
  return { type: 'run.stopping', by: 'system', data: { outcome: 'failed', error, graceUntil: now + limits.grace } };
}

/** The end of a run whose stopping is over. */
export function stopped(control: ControlView, now: number): NewEvent {
  const duration = Math.max(0, now - control.createdAt);
  const { outcome, reason, error } = control.stop ?? { outcome: 'cancelled' as const };
  if (outcome === 'cancelled')
    return { type: 'run.cancelled', by: 'system', data: { ...(reason === undefined ? {} : { reason }), duration } };
  return {
    type: 'run.failed',
    by: 'system',
    data: { error: error ?? { code: 'task_failed', message: reason ?? 'The run failed.' }, duration },
  };
}

function ending(control: ControlView, now: number): NewEvent[] {
  if (control.status === 'stopping') return liveAttempts(control) > 0 ? [] : [stopped(control, now)];
  if (openNodes(control) > 0 || control.status === 'paused') return [];
  const output = runOutput(control);
  const completed: NewEvent = {
    type: 'run.completed',
    by: 'system',
    data: { ...(output === undefined ? {} : { output }), duration: Math.max(0, now - control.createdAt) },
  };
  return control.status === 'created' ? [{ type: 'run.started', by: 'system', data: {} }, completed] : [completed];
}

/** The output of the only last node, or those of all last nodes by id. */
function runOutput(control: ControlView): Json | undefined {
  const index = graphIndex(control.graph);
  const last = control.graph.filter(
    (node) => !index.dependants.get(node.id)?.length && control.nodes[node.id]?.status === 'completed',
  );
  if (last.length === 1) return outputOf(control, (last[0] as GraphNode).id) as Json | undefined;
  return Object.fromEntries(last.map((node) => [node.id, (outputOf(control, node.id) ?? null) as Json]));
}

/**
 * A node's output. A forEach's is not written twice: it is put together from its items, in item order; where its
 * onError lets items fail, as `{ok, output | error}`.
 */
export function outputOf(control: ControlView, id: string): unknown {
  const node = control.nodes[id];
  if (!node?.items || node.output !== undefined) return node?.output;
  const tolerant = (graphIndex(control.graph).nodes.get(id)?.onError ?? 'fail') !== 'fail';
  return Array.from({ length: node.items.count }, (_, index) => {
    const item = control.nodes[itemId(id, index)];
    if (!tolerant) return item?.output ?? null;
    return item?.status === 'completed'
      ? { ok: true, output: item.output ?? null }
      : { ok: false, error: item?.error ?? null };
  });
}
