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

/** A graph is never changed, only replaced, so its index is made once and goes away with it. */
const indexes = new WeakMap<readonly GraphNode[], GraphIndex>();

export function graphIndex(graph: readonly GraphNode[]): GraphIndex {
  const known = indexes.get(graph);
  if (known) return known;
  const nodes = new Map(graph.map((node) => [node.id, node]));
  const dependants = new Map<string, string[]>();
  const handles = new Map<string, string[]>();
  const handlerOf = new Map<string, string>();
  const push = (map: Map<string, string[]>, key: string, value: string) => {
    const list = map.get(key);
    if (list) list.push(value);
    else map.set(key, [value]);
  };
  for (const node of graph) {
    for (const need of node.needs ?? []) push(dependants, need, node.id);
    const target = errorTarget(node);
    if (target === undefined) continue;
    push(handles, target, node.id);
    handlerOf.set(node.id, target);
  }
  const index = { nodes, dependants, handles, handlerOf };
  indexes.set(graph, index);
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
