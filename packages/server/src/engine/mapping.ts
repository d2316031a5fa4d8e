import {
  type ControlView,
  definitionId,
  expressionOf,
  type GraphNode,
  graphIndex,
  type Json,
  MillraceError,
} from '@millrace/protocol';
import { outputOf } from './advance.ts';

/** What an expression can read. */
export interface ExpressionScope {
  /** the run's input */
  input: unknown;
  /** outputs of the node's needs, by id */
  needs: Record<string, unknown>;
  /** an item of a forEach and its place */
  item?: unknown;
  index?: number;
  /** the failure that a handler node handles */
  error?: unknown;
  run: { id: string; tags: string[]; owner?: string };
}

/** The data that a node's expressions and its default input are made of. */
export function scopeOf(control: ControlView, id: string): ExpressionScope {
  const node = control.nodes[id];
  const definition = graphIndex(control.graph).nodes.get(definitionId(id));
  const needs = Object.fromEntries((definition?.needs ?? []).map((need) => [need, needOutput(control, need)]));
  const parent = node?.parent === undefined ? undefined : control.nodes[node.parent];
  return {
    input: control.input,
    needs,
    ...(parent?.items
      ? { item: itemOf(parent.items.values, node?.index as number), index: node?.index as number }
      : {}),
    ...(node?.handles?.error ? { error: node.handles.error } : {}),
    run: { id: control.run, tags: control.tags, ...(control.owner === undefined ? {} : { owner: control.owner }) },
  };
}

function needOutput(control: ControlView, need: string): unknown {
  const node = control.nodes[need];
  if (node?.status === 'failed') return { error: node.error ?? null };
  return outputOf(control, need) ?? null;
}

/** Items too large for their event stand in a blob; whoever resolves the scope finds the item by its place. */
function itemOf(values: unknown, index: number): unknown {
  return Array.isArray(values) ? (values[index] ?? null) : { $item: values, index };
}

/**
 * What a node without expressions receives: its mapping as it stands, else an item its item, a handler the error,
 * a node without needs the run's input, and any other an object of its needs' outputs by id.
 */
export function plainInput(control: ControlView, id: string): unknown {
  const node = control.nodes[id];
  if (node?.input !== undefined) return node.input;
  const definition = graphIndex(control.graph).nodes.get(definitionId(id));
  if (definition?.input !== undefined) return definition.input;
  if (!definition?.needs?.length && node?.parent === undefined && !node?.handles) return control.input;
  const scope = scopeOf(control, id);
  if (node?.parent !== undefined) return scope.item;
  if (scope.error !== undefined) return { error: scope.error, ...scope.needs };
  return definition?.needs?.length ? scope.needs : control.input;
}

/** One expression of a node and where its result goes. */
export interface Expression {
  place: string;
  source: string;
}

/** Every expression of a node's definition, with its place, e.g. `when` or `input.items[0].name`. */
export function expressionsOf(definition: GraphNode): Expression[] {
  const found: Expression[] = [];
  for (const place of ['when', 'forEach'] as const) {
    const text = definition[place];
    if (text !== undefined) found.push({ place, source: expressionOf(text) ?? text });
  }
  collect(definition.input, 'input', found);
  return found;
}

function collect(value: Json | undefined, place: string, found: Expression[]): void {
  if (typeof value === 'string') {
    const source = expressionOf(value);
    if (source !== undefined) found.push({ place, source });
  } else if (Array.isArray(value)) {
    value.forEach((item, index) => {
      collect(item, `${place}[${index}]`, found);
    });
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) collect(item, `${place}.${key}`, found);
  }
}

/** The mapping with every expression replaced by its result, in the order of `expressionsOf`. */
export function fill(value: Json, results: Iterator<unknown>): unknown {
  if (typeof value === 'string') return expressionOf(value) === undefined ? value : (results.next().value ?? null);
  if (Array.isArray(value)) return value.map((item) => fill(item, results));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, results)]));
  }
  return value;
}

/** Refuses a graph with an expression that does not parse: `expression_invalid`, naming node and place. */
export async function checkExpressions(
  nodes: readonly GraphNode[],
  parse: (source: string) => Promise<string | undefined>,
): Promise<void> {
  for (const node of nodes) {
    for (const { place, source } of expressionsOf(node)) {
      const problem = await parse(source);
      if (problem === undefined) continue;
      throw new MillraceError('expression_invalid', {
        detail: `The expression at ${place} of the node "${node.id}" cannot be parsed: ${problem}`,
        facts: { node: node.id, place },
      });
    }
  }
}
