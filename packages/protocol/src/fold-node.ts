import { type Fresh, own } from './draft.ts';
import type { EventOf, RunEvent } from './event.ts';
import type { Trace } from './fold-control.ts';
import { closeWait, foldWait } from './fold-wait.ts';
import { definitionId, errorTarget, type GraphNode, hasExpression, itemId, type NeedOutcome } from './graph.ts';
import { type GraphIndex, graphIndex, readiness } from './graph-index.ts';
import { isNodeEnded, type NodeMove, type NodeState, nodeTable } from './node.ts';
import { pick } from './pick.ts';
import type { ControlView, NodeView, Restart } from './view.ts';
import type { WaitMove } from './wait.ts';

/** What one control event does to the nodes of a view that is already a draft. */
export class NodeFold {
  readonly view: ControlView;
  readonly event: RunEvent;
  readonly fresh: Fresh | undefined;
  readonly trace: Trace | undefined;

  constructor(view: ControlView, event: RunEvent, fresh: Fresh | undefined, trace: Trace | undefined) {
    this.view = view;
    this.event = event;
    this.fresh = fresh;
    this.trace = trace;
  }

  get index(): GraphIndex {
    return graphIndex(this.view.graph);
  }

  /** Adds nodes to the graph and the run. They may need nodes that have ended, and be handled by nodes that are there. */
  addAll(added: readonly GraphNode[]): void {
    const graph = own(this.view, 'graph', this.fresh ?? grown);
    for (const definition of added) {
      graph.push(definition);
      const handler = errorTarget(definition);
      const node = handler === undefined ? undefined : this.node(handler);
      if (!node) continue;
      node.handles ??= { total: 0, failed: 0, well: 0 };
      own(node, 'handles', this.fresh).total += 1;
    }
    this.enter(added);
  }

  /** Adds nodes of the graph to the run. */
  enter(added: readonly GraphNode[]): void {
    for (const definition of added) this.add(definition.id, definition);
    for (const { id } of added) this.imply(id);
  }

  /** Turns a forEach into its items. */
  expand({ node: id, items, count }: NonNullable<EventOf<'graph.updated'>['data']['expand']>): void {
    const node = this.node(id);
    if (!node) return;
    node.items = { values: items, count, open: count };
    this.start();
    this.move(node, 'running');
    const definition = this.index.nodes.get(id);
    for (let index = 0; index < count; index++) this.add(itemId(id, index), definition, { parent: id, index });
    for (let index = 0; index < count; index++) this.imply(itemId(id, index));
  }

  add(id: string, definition?: GraphNode, item?: { parent: string; index: number }): NodeView {
    const nodes = own(this.view, 'nodes', this.fresh);
    const handles = item ? undefined : this.handlesOf(id);
    const node: NodeView = {
      id,
      status: 'pending',
      attempt: 0,
      retries: 0,
      lost: 0,
      steps: {},
      needs: this.needsOf(item ? undefined : definition),
      ...(definition?.task === undefined ? {} : { task: definition.task }),
      ...item,
      ...(handles ? { handles } : {}),
    };
    this.fresh?.add(node);
    nodes[id] = node;
    own(this.view, 'counts', this.fresh).pending += 1;
    return node;
  }

  needsOf(definition: GraphNode | undefined): NodeView['needs'] {
    const needs = { total: definition?.needs?.length ?? 0, ok: 0, skipped: 0, dead: 0 };
    for (const need of definition?.needs ?? []) {
      const seen = this.view.nodes[need];
      if (seen && isNodeEnded(seen.status)) needs[outcomeOf(seen.status, this.index.nodes.get(need))] += 1;
    }
    return needs;
  }

  handlesOf(id: string): NodeView['handles'] {
    const handled = this.index.handles.get(id);
    if (!handled) return undefined;
    const handles: NonNullable<NodeView['handles']> = { total: handled.length, failed: 0, well: 0 };
    for (const other of handled) {
      const seen = this.view.nodes[other];
      if (seen && isNodeEnded(seen.status)) countHandled(handles, seen);
    }
    return handles;
  }

  node(id: string): NodeView | undefined {
    if (this.view.nodes[id] === undefined) return undefined;
    return own(own(this.view, 'nodes', this.fresh), id, this.fresh) as NodeView;
  }

  /** External runs name nodes that no graph knows. */
  nodeOrNew(id: string): NodeView {
    return this.node(id) ?? this.add(id, this.index.nodes.get(id));
  }

  /** Moves a node and keeps the counts, the sequence numbers and the clock times of the move. */
  move(node: NodeView, to: NodeState): void {
    const from = node.status;
    if (from === to) return;
    const counts = own(this.view, 'counts', this.fresh);
    counts[from] -= 1;
    counts[to] += 1;
    if (from === 'running' && this.isUnleased(node)) this.view.unleased -= 1;
    if (to === 'running' && this.isUnleased(node)) this.view.unleased += 1;
    if (from === 'pending') delete node.ready;
    if (from === 'waiting') delete node.waits;
    if (from === 'retrying') delete node.nextAt;
    if (from === 'waiting' || from === 'retrying') node.left = from;
    else delete node.left;
    node.status = to;
    const { seq, at } = this.event;
    if (to === 'queued') {
      node.queuedSeq = seq;
      node.queuedAt = at;
    } else if (to === 'running') {
      node.startedSeq = seq;
      node.startedAt = at;
    } else if (isNodeEnded(to)) {
      node.endedSeq = seq;
      node.endedAt = at;
      for (const id in node.openWaits) closeWait(this.view, id, this.event, this.fresh);
      delete node.openWaits;
    }
    this.trace?.nodes.push({ id: node.id, from, to });
  }

  /** The engine's own nodes run without a lease: a forEach, a sub-workflow. */
  isUnleased(node: NodeView): boolean {
    return node.items !== undefined || this.index.nodes.get(definitionId(node.id))?.workflow !== undefined;
  }

  /** A pending node whose needs allow it is queued by that alone, unless an expression comes first. */
  imply(id: string): void {
    const seen = this.view.nodes[id];
    if (seen?.status !== 'pending' || seen.ready || this.view.external || this.view.status === 'stopping') return;
    if (readiness(this.view, seen) !== 'run') return;
    const node = this.node(id) as NodeView;
    const definition = this.index.nodes.get(definitionId(id));
    if (!definition || !needsEvaluation(definition, node)) return this.move(node, 'queued');
    node.ready = true;
    this.trace?.ready.push(id);
  }

  /** The first sign of work implies `run.started`. */
  start(): void {
    if (this.view.status !== 'created') return;
    this.view.status = 'running';
    this.view.startedAt = this.event.at;
    this.view.startedSeq = this.event.seq;
    this.view.statusSeq = this.event.seq;
  }

  moved(event: EventOf<NodeMove>): void {
    const node = this.nodeOrNew(event.node ?? '');
    const to = nodeTable[stateBefore(node, event)][event.type];
    if (to === null) return;
    this.describe(node, event);
    // In a stopping run nothing is queued again: an attempt that was lost or parked is over.
    const stopped = this.view.status === 'stopping' && to === 'queued' && node.status === 'running';
    this.move(node, stopped ? 'cancelled' : to);
    if (isNodeEnded(node.status)) this.settle(node);
  }

  describe(node: NodeView, event: EventOf<NodeMove>): void {
    switch (event.type) {
      case 'node.queued':
        Object.assign(node, pick(event.data, 'input', 'task'));
        break;
      case 'node.started': {
        this.start();
        node.attempt = event.attempt ?? node.attempt + 1;
        this.restart(node);
        const task = event.data.task ?? node.task ?? (this.isUnleased(node) ? undefined : node.id);
        if (task !== undefined) node.task = task;
        Object.assign(node, pick(event.data, 'version', 'worker'));
        break;
      }
      case 'node.retrying':
        node.retries += 1;
        node.lost = 0;
        node.nextAt = event.data.nextAt;
        node.error = event.data.error;
        break;
      case 'node.waiting':
        node.waits = event.data.waits;
        node.lost = 0;
        break;
      case 'node.parked':
        node.lost = 0;
        break;
      case 'node.completed':
        Object.assign(node, pick(event.data, 'output', 'reused'));
        delete node.error;
        break;
      case 'node.failed':
        node.error = event.data.error;
        break;
      case 'node.skipped':
      case 'node.cancelled':
        node.reason = event.data.reason;
        break;
      case 'attempt.lost':
        if (event.data.reason !== 'fenced') node.lost += 1;
    }
  }

  /** Remembers which of what older attempts told this one retracts. */
  restart(node: NodeView): void {
    if (node.attempt < 2) return;
    const restart = { seq: this.event.seq, attempt: node.attempt, durable: node.durableSeq ?? 0 };
    node.restarts ??= [];
    const restarts = own(node, 'restarts', this.fresh) as Restart[];
    if (restarts.at(-1)?.durable === restart.durable) restarts.pop();
    restarts.push(restart);
  }

  /** Tells everything that waited for this node how it ended. */
  settle(node: NodeView): void {
    if (node.parent !== undefined) {
      const parent = this.node(node.parent);
      if (parent?.items) own(parent, 'items', this.fresh).open -= 1;
      return;
    }
    const handler = this.index.handlerOf.get(node.id);
    const handling = handler === undefined ? undefined : this.node(handler);
    if (handling?.handles) {
      countHandled(own(handling, 'handles', this.fresh), node);
      this.imply(handling.id);
    }
    const outcome = outcomeOf(node.status, this.index.nodes.get(node.id));
    for (const id of this.index.dependants.get(node.id) ?? []) {
      const dependant = this.node(id);
      if (!dependant) continue;
      own(dependant, 'needs', this.fresh)[outcome] += 1;
      this.imply(id);
    }
  }

  /** A wait opened or ended; the end of one that its node is parked on queues the node again. */
  waited(event: EventOf<WaitMove>): void {
    const change = foldWait(this.view, event, this.fresh);
    if (!change) return;
    const { wait, from } = change;
    const node = this.node(wait.node);
    if (!node) return;
    if (from === undefined && wait.status === 'open') {
      node.openWaits ??= {};
      own(node, 'openWaits', this.fresh)[wait.id] = true;
    }
    if (wait.status === 'open') return;
    if (node.openWaits) delete own(node, 'openWaits', this.fresh)[wait.id];
    node.durableSeq = event.seq;
    const parked = node.status === 'waiting' && node.waits?.includes(wait.id);
    if (parked && this.view.status !== 'stopping') this.move(node, 'queued');
  }
}

/** Graphs that belong to one view alone, which is folded in place. */
const grown: Fresh = new WeakSet();

/** A result that was copied from an ancestor is written when the run is, to nodes that were queued by that alone. */
function stateBefore(node: NodeView, event: EventOf<NodeMove>): NodeState {
  const reused = event.type === 'node.completed' && event.data.reused !== undefined;
  return reused && node.status === 'queued' ? 'pending' : node.status;
}

/** Whether something has to be evaluated before this node can be queued or expanded. */
function needsEvaluation(definition: GraphNode, node: NodeView): boolean {
  if (definition.input !== undefined && hasExpression(definition.input)) return true;
  if (definition.workflow !== undefined) return true;
  return node.parent === undefined && (definition.when !== undefined || definition.forEach !== undefined);
}

function outcomeOf(status: NodeState, definition: GraphNode | undefined): NeedOutcome {
  if (status === 'completed') return 'ok';
  if (status === 'failed') return definition?.onError === 'continue' ? 'ok' : 'dead';
  return 'skipped';
}

function countHandled(handles: NonNullable<NodeView['handles']>, { status, error }: NodeView): void {
  if (status !== 'failed') {
    handles.well += 1;
    return;
  }
  handles.failed += 1;
  if (error) handles.error = error;
}
