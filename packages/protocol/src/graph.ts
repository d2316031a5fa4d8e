import { MillraceError } from './error.ts';
import type { Json } from './json.ts';

export interface RetryPolicy {
  /** attempts in all, the first included; 1 = never again */
  attempts: number;
  /** ms before the second attempt; default 1,000 */
  delay?: number;
  /** the delay is multiplied by this each time; default 2 */
  factor?: number;
  /** ms; default 60,000 */
  maxDelay?: number;
}

/** What a node's failure does: fail the run, let dependants run with `error`, skip them, or run that node. */
export type OnError = 'fail' | 'continue' | 'skip' | (string & {});

/** One vertex of a workflow, as data. Texts of the form `{% … %}` are JSONata expressions. */
export interface GraphNode {
  id: string;
  /** the registered task that executes it; exactly one of task and workflow */
  task?: string;
  /** a sub-workflow instead of a task */
  workflow?: string;
  /** ids of nodes that must end before this one starts */
  needs?: string[];
  /**
   * The task's input, any JSON with expressions in it. Without it a node without needs receives the run's
   * input and any other an object of its needs' outputs by id; an item of a forEach receives the item.
   */
  input?: Json;
  /** an expression; the node is skipped where it is not truthy */
  when?: string;
  /** an expression for an array; the task runs once for each item, as nodes `id[0]`, `id[1]`, … */
  forEach?: string;
  /** default all */
  join?: 'all' | 'any';
  retry?: RetryPolicy;
  /** ms that one attempt may take */
  timeout?: number;
  queue?: string;
  priority?: number;
  /** at most `limit` nodes of the queue that share the key run at once */
  concurrency?: { key: string; limit: number };
  /** at most `limit` starts in `per` ms among the nodes of the queue that share the key */
  rate?: { key: string; limit: number; per: number };
  /** default fail */
  onError?: OnError;
}

export const NODE_LIMIT = 10_000;
const NODE_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;

/**
 * Refuses a graph that cannot be run: `empty_graph`, `graph_invalid` (a bad or double id, an unknown need,
 * both task and workflow, an onError that names no node), `graph_cycle` (naming the cycle).
 */
export function checkGraph(nodes: readonly GraphNode[]): void {
  if (nodes.length === 0) throw new MillraceError('empty_graph');
  if (nodes.length > NODE_LIMIT)
    throw invalid(`The graph has ${nodes.length} nodes; at most ${NODE_LIMIT} are allowed.`);
  const byId = new Map<string, GraphNode>();
  for (const node of nodes) {
    if (!NODE_ID.test(node.id) || node.id in Object.prototype)
      throw invalid(`"${node.id}" is not a node id: letters, digits, "_", "." and "-", at most 100.`, node.id);
    if (byId.has(node.id)) throw invalid(`The node id "${node.id}" is used twice.`, node.id);
    byId.set(node.id, node);
  }
  for (const node of nodes) {
    if ((node.task === undefined) === (node.workflow === undefined)) {
      throw invalid(`The node "${node.id}" must name a task or a workflow, and only one of them.`, node.id);
    }
    for (const need of node.needs ?? []) {
      if (!byId.has(need)) throw invalid(`The node "${node.id}" needs "${need}", which is not in the graph.`, node.id);
    }
    if (new Set(node.needs).size !== (node.needs?.length ?? 0))
      throw invalid(`The node "${node.id}" names a need twice.`, node.id);
    const target = errorTarget(node);
    if (target !== undefined && (!byId.has(target) || target === node.id)) {
      throw invalid(
        `onError of the node "${node.id}" names "${target}", which is no other node of the graph.`,
        node.id,
      );
    }
  }
  const cycle = findCycle(nodes, byId);
  if (cycle) {
    throw new MillraceError('graph_cycle', {
      detail: `The nodes ${cycle.join(' → ')} need each other.`,
      facts: { cycle },
    });
  }
}

function invalid(detail: string, node?: string): MillraceError {
  return new MillraceError('graph_invalid', node === undefined ? { detail } : { detail, facts: { node } });
}

/** What a node waits for before it can start: its needs, and the nodes whose failure it handles. */
function waitsFor(nodes: readonly GraphNode[]): Map<string, string[]> {
  const edges = new Map<string, string[]>(nodes.map((node) => [node.id, [...(node.needs ?? [])]]));
  for (const node of nodes) {
    const target = errorTarget(node);
    if (target !== undefined) edges.get(target)?.push(node.id);
  }
  return edges;
}

function findCycle(nodes: readonly GraphNode[], byId: ReadonlyMap<string, GraphNode>): string[] | undefined {
  const edges = waitsFor(nodes);
  const state = new Map<string, 'open' | 'done'>();
  for (const start of byId.keys()) {
    if (state.has(start)) continue;
    const path: { id: string; next: number }[] = [{ id: start, next: 0 }];
    state.set(start, 'open');
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const need = edges.get(top.id)?.[top.next++];
      if (need === undefined) {
        state.set(top.id, 'done');
        path.pop();
      } else if (state.get(need) === 'open') {
        return [...path.slice(path.findIndex((at) => at.id === need)).map((at) => at.id), need].reverse();
      } else if (!state.has(need)) {
        state.set(need, 'open');
        path.push({ id: need, next: 0 });
      }
    }
  }
  return undefined;
}

/** The node that runs with the error when this one fails, if onError names one. */
export function errorTarget(node: GraphNode): string | undefined {
  const onError = node.onError;
  return onError === undefined || onError === 'fail' || onError === 'continue' || onError === 'skip'
    ? undefined
    : onError;
}

/** How a need that has ended counts for a dependant: `dead` = it failed with onError skip or a handler node. */
export type NeedOutcome = 'ok' | 'skipped' | 'dead';

export interface NeedCounts {
  total: number;
  ok: number;
  skipped: number;
  dead: number;
}

/**
 * Whether a node can start. Join all: every need ended well; a skipped need satisfies without output, unless
 * all are skipped; a dead need skips the node at once. Join any: the first completed need releases.
 */
export function ready(join: GraphNode['join'], needs: NeedCounts): 'run' | 'skip' | 'wait' {
  const ended = needs.ok + needs.skipped + needs.dead;
  if (needs.total === 0) return 'run';
  if (join === 'any') return needs.ok > 0 ? 'run' : ended === needs.total ? 'skip' : 'wait';
  if (needs.dead > 0) return 'skip';
  if (ended < needs.total) return 'wait';
  return needs.ok > 0 ? 'run' : 'skip';
}

const EXPRESSION = /^\s*\{%([\s\S]*)%\}\s*$/;

/** The JSONata source inside `{% … %}`, or undefined where the text is a plain text. */
export function expressionOf(text: string): string | undefined {
  return EXPRESSION.exec(text)?.[1]?.trim();
}

export function hasExpression(value: Json): boolean {
  if (typeof value === 'string') return expressionOf(value) !== undefined;
  if (Array.isArray(value)) return value.some(hasExpression);
  return typeof value === 'object' && value !== null && Object.values(value).some(hasExpression);
}

/** The node of the graph that a node of the run comes from: an item `id[3]` of a forEach comes from `id`. */
export function definitionId(node: string): string {
  const bracket = node.lastIndexOf('[');
  return bracket > 0 && node.endsWith(']') ? node.slice(0, bracket) : node;
}

export function itemId(node: string, index: number): string {
  return `${node}[${index}]`;
}
