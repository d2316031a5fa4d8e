import { draft, own, type Fresh } from './draft.ts';
import { type EventOf, type RunEvent, stepId } from './event.ts';
import { definitionId, hasExpression, itemId, type GraphNode, type NeedOutcome } from './graph.ts';
import { graphIndex, readiness } from './graph-index.ts';
import { isNodeEnded, nodeTable, type NodeMove, type NodeState } from './node.ts';
import { runTable, type RunMove } from './run.ts';
import { type ControlView, type NodeView, noUsage, type Usage } from './view.ts';
import { foldWait, isWaitEvent, closeWaits } from './fold-wait.ts';

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
  new ControlFold(view, event, fresh, trace).apply();
  return view;
}

class ControlFold {
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

  apply(): void {
    const { event } = this;
    switch (event.type) {
      case 'run.created': return this.created(event);
      case 'graph.updated': return this.graphUpdated(event);
      case 'node.queued': case 'node.started': case 'node.retrying': case 'node.waiting': case 'node.parked':
      case 'node.completed': case 'node.failed': case 'node.skipped': case 'node.cancelled': case 'attempt.lost':
        return this.nodeMoved(event);
      case 'step.started': case 'step.completed': case 'step.failed': return this.step(event);
      case 'checkpoint.saved': return this.checkpoint(event);
      case 'usage': return this.usage(event);
      default:
        if (event.type in runTable.created) return this.runMoved(event as EventOf<RunMove>);
        if (isWaitEvent(event)) this.wait(event);
    }
  }

  created({ data, at }: EventOf<'run.created'>): void {
    const { view } = this;
    view.workflow = data.workflow;
    view.graph = data.nodes;
    view.input = data.input;
    view.options = data.options ?? {};
    view.tags = data.tags ?? [];
    view.external = data.external ?? false;
    view.createdAt = at;
    if (data.version !== undefined) view.version = data.version;
    if (data.owner !== undefined) view.owner = data.owner;
    if (data.lineage !== undefined) view.lineage = data.lineage;
    this.addNodes(data.nodes);
  }

  addNodes(nodes: readonly GraphNode[]): void {
    for (const node of nodes) this.addNode(node.id, node);
    for (const node of nodes) this.imply(node.id);
  }

  addNode(id: string, definition?: GraphNode, parent?: string, index?: number): NodeView {
    const nodes = own(this.view, 'nodes', this.fresh);
    const handled = graphIndex(this.view.graph).handles.get(id)?.length;
    const node: NodeView = {
      id, status: 'pending', attempt: 0, retries: 0, lost: 0, steps: {},
      needs: { total: parent === undefined ? (definition?.needs?.length ?? 0) : 0, ok: 0, skipped: 0, dead: 0 },
      ...(definition?.task === undefined ? {} : { task: definition.task }),
      ...(parent === undefined ? {} : { parent, index: index as number }),
      ...(handled && parent === undefined ? { handles: { total: handled, failed: 0, well: 0 } } : {}),
    };
    this.fresh?.add(node);
    nodes[id] = node;
    own(this.view, 'counts', this.fresh).pending += 1;
    return node;
  }

  node(id: string): NodeView | undefined {
    const nodes = own(this.view, 'nodes', this.fresh);
    return nodes[id] === undefined ? undefined : (own(nodes, id, this.fresh) as NodeView);
  }

  /** Moves a node and keeps the counts, the sequence numbers and the clock times of the move. */
  move(node: NodeView, to: NodeState): void {
    const from = node.status;
    if (from === to) return;
    const counts = own(this.view, 'counts', this.fresh);
    counts[from] -= 1;
    counts[to] += 1;
    if (from === 'running' && node.items) this.view.unleased -= 1;
    if (to === 'running' && node.items) this.view.unleased += 1;
    node.status = to;
    const { seq, at } = this.event;
    if (to === 'queued') { node.queuedSeq = seq; node.queuedAt = at; delete node.ready; }
    if (to === 'running') { node.startedSeq = seq; node.startedAt = at; }
    if (isNodeEnded(to)) { node.endedSeq = seq; node.endedAt = at; delete node.waits; delete node.ready; delete node.nextAt; }
    this.trace?.nodes.push({ id: node.id, from, to });
  }

  /** A pending node whose needs allow it is queued by that alone, unless an expression comes first. */
  imply(id: string): void {
    const seen = this.view.nodes[id];
    if (seen?.status !== 'pending' || seen.ready || this.view.external || this.view.status === 'stopping') return;
    if (readiness(this.view, seen) !== 'run') return;
    const node = this.node(id) as NodeView;
    const definition = graphIndex(this.view.graph).nodes.get(definitionId(id));
    if (!definition || !needsEvaluation(definition, node)) return this.move(node, 'queued');
    node.ready = true;
    this.trace?.ready.push(id);
  }

  graphUpdated({ data }: EventOf<'graph.updated'>): void {
    if (data.add) {
      this.view.graph = [...this.view.graph, ...data.add];
      this.addNodes(data.add);
    }
    if (!data.expand) return;
    const { node: id, items, count } = data.expand;
    const node = this.node(id);
    if (!node) return;
    delete node.ready;
    node.items = { values: items, count, open: count };
    this.start();
    this.move(node, 'running');
    const definition = graphIndex(this.view.graph).nodes.get(id);
    for (let index = 0; index < count; index++) this.addNode(itemId(id, index), definition, id, index);
    for (let index = 0; index < count; index++) this.imply(itemId(id, index));
  }

  /** The first sign of work implies `run.started`. */
  start(): void {
    if (this.view.status !== 'created') return;
    this.view.status = 'running';
    this.view.startedAt = this.event.at;
    this.view.startedSeq = this.event.seq;
  }

  nodeMoved(event: EventOf<NodeMove>): void {
    const id = event.node ?? '';
    const node = this.node(id) ?? this.addNode(id, graphIndex(this.view.graph).nodes.get(id));
    const to = nodeTable[node.status][event.type];
    if (to === null) return;
    switch (event.type) {
      case 'node.queued':
        if (event.data.input !== undefined) node.input = event.data.input;
        if (event.data.task !== undefined) node.task = event.data.task;
        break;
      case 'node.started':
        this.start();
        node.attempt = event.attempt ?? node.attempt + 1;
        node.task = event.data.task ?? node.task ?? id;
        if (event.data.version !== undefined) node.version = event.data.version;
        if (event.data.worker !== undefined) node.worker = event.data.worker;
        delete node.waits;
        break;
      case 'node.retrying':
        node.retries += 1;
        node.lost = 0;
        node.nextAt = event.data.nextAt;
        node.error = event.data.error;
        break;
      case 'node.waiting': node.waits = event.data.waits; node.lost = 0; break;
      case 'node.completed':
        if (event.data.output !== undefined) node.output = event.data.output;
        if (event.data.reused) node.reused = event.data.reused;
        delete node.error;
        break;
      case 'node.failed': node.error = event.data.error; break;
      case 'node.skipped': case 'node.cancelled': node.reason = event.data.reason; break;
      case 'attempt.lost': if (event.data.reason !== 'fenced') node.lost += 1; break;
      case 'node.parked': node.lost = 0; break;
    }
    const stopping = this.view.status === 'stopping' && to === 'queued' && node.status === 'running';
    this.move(node, stopping ? 'cancelled' : to);
    if (isNodeEnded(node.status)) this.settle(node);
  }

  /** Tells everything that waited for this node how it ended. */
  settle(node: NodeView): void {
    const { view } = this;
    if (node.parent !== undefined) {
      const parent = this.node(node.parent);
      if (parent?.items) parent.items = { ...parent.items, open: parent.items.open - 1 };
      return;
    }
    const index = graphIndex(view.graph);
    const definition = index.nodes.get(node.id);
    const handler = index.handlerOf.get(node.id);
    if (handler !== undefined) {
      const seen = this.node(handler);
      if (seen?.handles) {
        const failed = node.status === 'failed';
        seen.handles = {
          ...seen.handles,
          failed: seen.handles.failed + (failed ? 1 : 0),
          well: seen.handles.well + (failed ? 0 : 1),
          ...(failed && node.error ? { error: node.error } : {}),
        };
        this.imply(handler);
      }
    }
    const outcome = outcomeOf(node.status, definition);
    for (const dependant of index.dependants.get(node.id) ?? []) {
      const seen = this.node(dependant);
      if (!seen) continue;
      seen.needs = { ...seen.needs, [outcome]: seen.needs[outcome] + 1 };
      this.imply(dependant);
    }
  }

  runMoved(event: EventOf<RunMove>): void {
    const { view } = this;
    const to = runTable[view.status][event.type];
    if (to === null) return;
    if (event.type === 'run.started') return this.start();
    view.status = to;
    switch (event.type) {
      case 'run.stopping': {
        const { outcome, graceUntil, reason, error } = event.data;
        view.stop = { outcome, graceUntil, ...(reason === undefined ? {} : { reason }), ...(error ? { error } : {}) };
        return;
      }
      case 'run.completed': if (event.data.output !== undefined) view.output = event.data.output; break;
      case 'run.failed': view.error = event.data.error; break;
      case 'run.cancelled': if (event.data.reason !== undefined) view.reason = event.data.reason; break;
      default: return;
    }
    view.endedAt = event.at;
    view.endedSeq = event.seq;
    for (const id in view.nodes) {
      if (isNodeEnded((view.nodes[id] as NodeView).status)) continue;
      this.move(this.node(id) as NodeView, 'cancelled');
    }
    closeWaits(view, event, this.fresh);
  }

  step(event: EventOf<'step.started' | 'step.completed' | 'step.failed'>): void {
    const node = this.node(event.node ?? '') ?? this.addNode(event.node ?? '');
    const steps = own(node, 'steps', this.fresh);
    const { name, key } = event.data;
    const id = stepId(name, key);
    const before = steps[id];
    const attempt = event.attempt ?? node.attempt;
    if (event.type === 'step.started') {
      steps[id] = { name, ...(key === undefined ? {} : { key }), status: 'running', attempt, seq: event.seq, startedAt: event.at };
      return;
    }
    const startedAt = before?.startedAt ?? event.at;
    const base = { name, ...(key === undefined ? {} : { key }), attempt, seq: event.seq, startedAt, endedAt: event.at };
    if (event.type === 'step.failed') {
      steps[id] = { ...base, status: 'failed', error: event.data.error };
      return;
    }
    steps[id] = {
      ...base, status: 'completed',
      ...(event.data.output === undefined ? {} : { output: event.data.output }),
      ...(event.data.reused ? { reused: event.data.reused } : {}),
    };
    node.durableSeq = event.seq;
    node.lost = 0;
  }

  checkpoint({ node: id, data, seq, at }: EventOf<'checkpoint.saved'>): void {
    const node = this.node(id ?? '') ?? this.addNode(id ?? '');
    node.checkpoints = { ...node.checkpoints, [data.key]: { seq, at, state: data.state } };
    node.durableSeq = seq;
    node.lost = 0;
  }

  usage({ node: id, data }: EventOf<'usage'>): void {
    this.view.usage = addUsage(this.view.usage, data);
    const node = id === undefined ? undefined : this.node(id);
    if (node) node.usage = addUsage(node.usage ?? noUsage(), data);
  }

  wait(event: RunEvent): void {
    const ended = foldWait(this.view, event, this.fresh);
    if (!ended) return;
    const node = this.node(ended.node);
    if (!node) return;
    node.durableSeq = event.seq;
    const parked = node.status === 'waiting' && node.waits?.includes(ended.id);
    if (parked && this.view.status !== 'stopping') this.move(node, 'queued');
  }
}

/** Whether something has to be evaluated before this node can be queued or expanded. */
function needsEvaluation(definition: GraphNode, node: NodeView): boolean {
  if (node.parent !== undefined) return definition.input !== undefined && hasExpression(definition.input);
  return (
    definition.when !== undefined || definition.forEach !== undefined || definition.workflow !== undefined ||
    (definition.input !== undefined && hasExpression(definition.input))
  );
}

function outcomeOf(status: NodeState, definition: GraphNode | undefined): NeedOutcome {
  if (status === 'completed') return 'ok';
  if (status === 'failed') return definition?.onError === 'continue' ? 'ok' : 'dead';
  return 'skipped';
}

function addUsage(total: Usage, data: EventOf<'usage'>['data']): Usage {
  const cost = data.cost
    ? { ...total.cost, [data.cost.currency]: (total.cost[data.cost.currency] ?? 0) + data.cost.amount }
    : total.cost;
  return {
    inputTokens: total.inputTokens + (data.inputTokens ?? 0),
    outputTokens: total.outputTokens + (data.outputTokens ?? 0),
    cost,
  };
}
