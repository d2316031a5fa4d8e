import {
  BLOB_THRESHOLD,
  type BlobRef,
  type ControlView,
  definitionId,
  type GraphNode,
  graphIndex,
  type Json,
} from '@millrace/protocol';
import type { Files } from '../files/files.ts';
import type { RunKey } from '../store/store.ts';
import type { Evaluated } from './command.ts';
import type { Expressions } from './expressions.ts';
import { expressionsOf, fill, scopeOf } from './mapping.ts';
import { resolveBlobs } from './resolve-blobs.ts';

/** Evaluates what stands between a node's needs and its queueing: `when`, then `forEach`, then the input mapping. */
export class Evaluator {
  readonly #expressions: Expressions;
  readonly #files: Files;

  constructor(expressions: Expressions, files: Files) {
    this.#expressions = expressions;
    this.#files = files;
  }

  /** Never rejects: what goes wrong is the node's failure. */
  async evaluate(key: RunKey, control: ControlView, id: string): Promise<Evaluated> {
    const definition = graphIndex(control.graph).nodes.get(definitionId(id));
    if (!definition) return { kind: 'error', code: 'node_not_found', message: `The graph has no node "${id}".` };
    const isItem = control.nodes[id]?.parent !== undefined;
    const scope = scopeOf(control, id);
    try {
      const data = await resolveBlobs(scope, async (sha) => (await this.#files.get(key.tenant, sha)).bytes);
      return await this.#node(key, definition, isItem, data);
    } catch (error) {
      return {
        kind: 'error',
        code: 'expression_failed',
        message: error instanceof Error ? error.message : String(error),
      };
    }
  }

  async #node(key: RunKey, definition: GraphNode, isItem: boolean, data: unknown): Promise<Evaluated> {
    const expressions = expressionsOf(definition);
    const run = async (place: string, source: string) => {
      const result = await this.#expressions.evaluate(source, data);
      if (!result.ok)
        throw new EvaluationFailed({ kind: 'error', code: result.code, message: `${place}: ${result.message}` });
      return result.value;
    };
    try {
      const when = isItem ? undefined : expressions.find(({ place }) => place === 'when');
      if (when && !truthy(await run(when.place, when.source))) return { kind: 'skip' };
      const forEach = isItem ? undefined : expressions.find(({ place }) => place === 'forEach');
      if (forEach) {
        const items = await run(forEach.place, forEach.source);
        if (Array.isArray(items))
          return {
            kind: 'items',
            items: (await this.#small(key, items as Json[])) as Json[] | BlobRef,
            count: items.length,
          };
        return {
          kind: 'error',
          code: 'expression_failed',
          message: `forEach: expected an array, got ${items === null ? 'nothing' : typeof items}.`,
        };
      }
      const results: unknown[] = [];
      for (const { place, source } of expressions)
        if (place.startsWith('input')) results.push(await run(place, source));
      if (definition.input === undefined) return { kind: 'input', input: undefined };
      return { kind: 'input', input: await this.#small(key, fill(definition.input, results.values()) as Json) };
    } catch (error) {
      if (error instanceof EvaluationFailed) return error.outcome;
      throw error;
    }
  }

  async #small(key: RunKey, value: Json): Promise<Json | BlobRef> {
    const text = JSON.stringify(value);
    if (text.length <= BLOB_THRESHOLD) return value;
    return this.#files.put(key.tenant, Buffer.from(text), 'application/json');
  }
}

class EvaluationFailed extends Error {
  readonly outcome: Evaluated;

  constructor(outcome: Evaluated) {
    super('evaluation failed');
    this.outcome = outcome;
  }
}

/** As JSONata's $boolean: nothing, null, false, 0, "", [] and {} are not. */
function truthy(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(truthy);
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}
