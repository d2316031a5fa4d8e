import { errorTarget, type GraphNode, ready } from './graph.ts';
import type { ControlView, NodeView } from './view.ts';

export interface GraphIndex {
  nodes: ReadonlyMap<string, GraphNode>;
  /** node → the nodes that need it */
  dependants: ReadonlyMap<string, readonly string[]>;
  /** handler node → the nodes whose failure it handles */
  handles: ReadonlyMap<string, readonly string[]>;
  /** node → the node that handles its failure */
  handlerOf: ReadonlyMap<string, string>;
}

class GrowingIndex implements GraphIndex {
  readonly nodes = new Map<string, GraphNode>();
  readonly dependants = new Map<string, string[]>();
  readonly handles = new Map<string, string[]>();
  readonly handlerOf = new Map<string, string>();
  size = 0;

  add(node: GraphNode): void {
    this.size += 1;
    this.nodes.set(node.id, node);
    for (const need of node.needs ?? []) append(this.dependants, need, node.id);
    const target = errorTarget(node);
    if (target === undefined) return;
    append(this.handles, target, node.id);
    this.handlerOf.set(node.id, target);
  }
}

function append(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/** A graph only ever grows at its end, so its index is kept beside it, grows with it and goes away with it. */
const indexes = new WeakMap<readonly GraphNode[], GrowingIndex>();

export function graphIndex(graph: readonly GraphNode[]): GraphIndex {
  let index = indexes.get(graph);
  if (!index) {
    index = new GrowingIndex();
    indexes.set(graph, index);
  }
  while (index.size < graph.length) index.add(graph[index.size] as GraphNode);
  return index;
}

/** Whether a pending node can start: its needs by its join rule, and a failure to handle where it is a handler. */
export function readiness(control: ControlView, node: NodeView): 'run' | 'skip' | 'wait' {
  if (node.parent !== undefined) return 'run';
  const definition = graphIndex(control.graph).nodes.get(node.id);
  const byNeeds = ready(definition?.join, node.needs);
  const { handles } = node;
  if (!handles || byNeeds === 'skip') return byNeeds;
  if (handles.failed > 0) return byNeeds;
  return handles.well === handles.total ? 'skip' : 'wait';
}
