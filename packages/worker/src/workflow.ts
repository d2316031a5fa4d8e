import { checkGraph, type GraphNode, type Json, type WorkflowDefinition } from '@millrace/protocol';
import type { AnyTask } from './task.ts';

/** A node as {@link workflow} takes it: as in a graph, but naming its task by the task itself or by its name. */
export type NodeSpec<Id extends string = string> = Omit<GraphNode, 'id' | 'task' | 'needs'> & {
  task?: AnyTask | string;
  /** ids of nodes of the same workflow that must end before this one starts */
  needs?: readonly NoInfer<Id>[];
};

interface WorkflowFacts {
  title?: string;
  description?: string;
  /** JSON Schema of the run's input */
  input?: Json;
  /** shown by the start form */
  example?: Json;
}

export type WorkflowSpec<Id extends string = string> = WorkflowFacts &
  ({ nodes: Record<Id, NodeSpec<Id>> | readonly GraphNode[]; task?: never } | { task: AnyTask; nodes?: never });

const tasks = new WeakMap<WorkflowDefinition, AnyTask[]>();

/**
 * A workflow as data: `nodes` by id, or `task` for a job of one node, which is named after its task.
 * Errors: `empty_graph`, `graph_invalid`, `graph_cycle`.
 */
export function workflow<const Id extends string>(name: string, spec: WorkflowSpec<Id>): WorkflowDefinition {
  const { nodes, task, ...facts } = spec;
  const used: AnyTask[] = [];
  const graph = task ? [toNode(task.name, { task }, used)] : toNodes(nodes, used);
  checkGraph(graph);
  const definition = { name, ...facts, nodes: graph };
  tasks.set(definition, used);
  return definition;
}

/** The tasks that a workflow's nodes were given as tasks: a worker that registers the workflow offers them, too. */
export function tasksOf(definition: WorkflowDefinition): readonly AnyTask[] {
  return tasks.get(definition) ?? [];
}

function toNodes(nodes: Record<string, NodeSpec> | readonly GraphNode[], used: AnyTask[]): GraphNode[] {
  if (isGraph(nodes)) return [...nodes];
  return Object.entries(nodes).map(([id, node]) => toNode(id, node, used));
}

function isGraph(nodes: Record<string, NodeSpec> | readonly GraphNode[]): nodes is readonly GraphNode[] {
  return Array.isArray(nodes);
}

function toNode(id: string, { task, needs, ...rest }: NodeSpec, used: AnyTask[]): GraphNode {
  const node: GraphNode = { id, ...rest, ...(needs ? { needs: [...needs] } : {}) };
  if (typeof task === 'string') return { ...node, task };
  if (!task) return node;
  used.push(task);
  const { retry, timeout } = task.options;
  return { ...(retry ? { retry } : {}), ...(timeout === undefined ? {} : { timeout }), ...node, task: task.name };
}
