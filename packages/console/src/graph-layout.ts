import dagre from '@dagrejs/dagre';
import type { GraphNode } from '@millrace/protocol/graph';

export const NODE_WIDTH = 190;
export const NODE_HEIGHT = 58;

export type Direction = 'right' | 'down';

export interface GraphLayout {
  places: Map<string, { x: number; y: number }>;
  edges: { id: string; source: string; target: string /** taken only when the source fails */; onError: boolean }[];
  width: number;
  height: number;
}

/** Where each node of a graph stands, upper left corner, in px. */
export function layoutGraph(nodes: readonly GraphNode[], direction: Direction): GraphLayout {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: direction === 'right' ? 'LR' : 'TB', nodesep: 24, ranksep: 48, marginx: 8, marginy: 8 });
  graph.setDefaultEdgeLabel(() => ({}));
  const ids = new Set(nodes.map((node) => node.id));
  for (const id of ids) graph.setNode(id, { width: NODE_WIDTH, height: NODE_HEIGHT });
  const edges: GraphLayout['edges'] = [];
  const connect = (source: string, target: string, onError: boolean): void => {
    if (!ids.has(source) || !ids.has(target)) return;
    graph.setEdge(source, target);
    edges.push({ id: `${source}→${target}`, source, target, onError });
  };
  const implied = impliedNeeds(nodes);
  for (const node of nodes) {
    for (const need of node.needs ?? []) if (!implied.has(`${need}→${node.id}`)) connect(need, node.id, false);
    if (node.onError !== undefined) connect(node.id, node.onError, true);
  }
  dagre.layout(graph);
  const places = new Map(
    [...ids].map((id) => {
      const { x, y } = graph.node(id);
      return [id, { x: x - NODE_WIDTH / 2, y: y - NODE_HEIGHT / 2 }];
    }),
  );
  const { width = 0, height = 0 } = graph.graph();
  return { places, edges, width, height };
}

/** Of larger graphs every need is drawn. */
const REDUCE_LIMIT = 500;

/** The needs that follow from others: where c needs a and b, and b needs a, the line from a to c says nothing new. */
function impliedNeeds(nodes: readonly GraphNode[]): Set<string> {
  if (nodes.length > REDUCE_LIMIT) return new Set();
  const needs = new Map(nodes.map(({ id, needs = [] }) => [id, needs]));
  const behind = new Map<string, Set<string>>();
  const allBehind = (id: string): Set<string> => {
    const known = behind.get(id);
    if (known) return known;
    const found = new Set((needs.get(id) ?? []).flatMap((need) => [need, ...allBehind(need)]));
    behind.set(id, found);
    return found;
  };
  const implied = nodes.flatMap(({ id, needs: own = [] }) =>
    own.filter((need) => own.some((other) => allBehind(other).has(need))).map((need) => `${need}→${id}`),
  );
  return new Set(implied);
}
