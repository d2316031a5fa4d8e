import { createHash } from 'node:crypto';
import {
  type Clock,
  type CreateRun,
  checkGraph,
  type GraphNode,
  type Json,
  MillraceError,
  type WorkflowDefinition,
} from '@millrace/protocol';
import type { Store, StoredDefinition } from '../store/store.ts';
import type { Expressions } from './expressions.ts';
import { checkAnswer, schemaProblem } from './input-answer.ts';
import { checkExpressions } from './mapping.ts';

/** Workflows as data, by content hash. A definition is checked whole before it is stored. */
export class Workflows {
  readonly #store: Store;
  readonly #expressions: Expressions;
  readonly #clock: Clock;
  readonly #definitions = new Map<string, { hash: string; definition: WorkflowDefinition }>();

  constructor(store: Store, expressions: Expressions, clock: Clock) {
    this.#store = store;
    this.#expressions = expressions;
    this.#clock = clock;
  }

  /** Errors: empty_graph, graph_invalid, graph_cycle, expression_invalid, invalid_request (a schema that is none). */
  async put(tenant: string, definition: WorkflowDefinition): Promise<{ name: string; hash: string }> {
    const text = JSON.stringify(definition);
    const hash = createHash('sha256').update(text).digest('hex').slice(0, 32);
    if (this.#definitions.get(`${tenant}/${definition.name}`)?.hash === hash) return { name: definition.name, hash };
    await this.check(definition.nodes);
    const problem = schemaProblem(definition.input);
    if (problem !== undefined)
      throw new MillraceError('invalid_request', { detail: `The workflow's input schema cannot be used: ${problem}` });
    await this.#store.putDefinition(tenant, { name: definition.name, hash, at: this.#clock.now(), text });
    this.#definitions.set(`${tenant}/${definition.name}`, { hash, definition });
    return { name: definition.name, hash };
  }

  async check(nodes: readonly GraphNode[]): Promise<void> {
    checkGraph(nodes);
    await checkExpressions(nodes, (source) => this.#expressions.parse(source));
  }

  /** Another input for a run of a definition that is already known. Errors: input_invalid. */
  async checkInput(tenant: string, name: string, hash: string | undefined, input: Json): Promise<void> {
    const stored = await this.#store.definition(tenant, name, hash);
    if (stored) this.#checkInput(parsed(stored).input, input);
  }

  async list(tenant: string): Promise<(WorkflowDefinition & { hash: string })[]> {
    return (await this.#store.definitions(tenant)).map(parsed);
  }

  /** The graph that a request starts, checked, and its input against the workflow's schema. */
  async resolve(tenant: string, request: CreateRun): Promise<{ nodes: GraphNode[]; version?: string }> {
    if (request.external) return { nodes: [] };
    if (request.nodes) {
      await this.check(request.nodes);
      return { nodes: request.nodes };
    }
    const known = await this.#get(tenant, request.workflow);
    if (!known)
      throw new MillraceError('workflow_not_found', { detail: `No workflow "${request.workflow}" is registered.` });
    const { definition, hash } = known;
    this.#checkInput(definition.input, request.input ?? null);
    return { nodes: definition.nodes, version: hash };
  }

  async #get(tenant: string, name: string): Promise<{ hash: string; definition: WorkflowDefinition } | undefined> {
    const key = `${tenant}/${name}`;
    const known = this.#definitions.get(key);
    if (known) return known;
    const stored = await this.#store.definition(tenant, name);
    if (!stored) return undefined;
    const { hash, ...definition } = parsed(stored);
    this.#definitions.set(key, { hash, definition });
    return { hash, definition };
  }

  /** Errors: input_invalid. */
  #checkInput(schema: Json | undefined, input: Json): void {
    const issues = checkAnswer(schema, input);
    if (issues.length === 0) return;
    const detail = issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ');
    throw new MillraceError('input_invalid', { detail, facts: { issues } });
  }
}

function parsed({ hash, text }: StoredDefinition): WorkflowDefinition & { hash: string } {
  return { ...(JSON.parse(text) as WorkflowDefinition), hash };
}
