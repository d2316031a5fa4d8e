import { createHash } from 'node:crypto';
import {
  type BlobRef,
  type CreateRun,
  type Json,
  type Lineage,
  MillraceError,
  type NewEvent,
  type NewEventOf,
} from '@millrace/protocol';
import type { Part, RunKey, Store } from '../store/store.ts';
import type { EngineCommand, Prepared } from './command.ts';
import type { CommitLoop } from './commit-loop.ts';
import type { Caller } from './face.ts';
import { plainInput } from './mapping.ts';
import type { Residents } from './resident.ts';
import type { Workflows } from './workflows.ts';

export interface Created {
  id: string;
  seq: number;
  /** true = the idempotency key had created this run before */
  repeated: boolean;
}

type RunCreated = NewEventOf<'run.created'>['data'];

/** How many runs one user may start in `per` ms. */
export interface CreateRate {
  limit: number;
  per: number;
}

/** Makes runs: asked for by a user, copied from an ancestor, or owed by a parent. A key makes one run. */
export class Creation {
  readonly #store: Store;
  readonly #loop: CommitLoop;
  readonly #residents: Residents;
  readonly #workflows: Workflows;
  readonly #newId: () => string;
  readonly #prepare: (tenant: string, event: NewEvent) => Prepared | Promise<Prepared>;
  readonly #rate: CreateRate | undefined;
  readonly #now: () => number;

  constructor(options: {
    store: Store;
    loop: CommitLoop;
    residents: Residents;
    workflows: Workflows;
    newId: () => string;
    prepare: (tenant: string, event: NewEvent) => Prepared | Promise<Prepared>;
    rate?: CreateRate;
    now: () => number;
  }) {
    this.#store = options.store;
    this.#loop = options.loop;
    this.#residents = options.residents;
    this.#workflows = options.workflows;
    this.#newId = options.newId;
    this.#prepare = options.prepare;
    this.#rate = options.rate;
    this.#now = options.now;
  }

  async create(caller: Caller, request: CreateRun, key?: string): Promise<Created> {
    return this.#once(caller, request, key, async () => ({ data: await this.#data(caller, request), inherited: [] }));
  }

  /** Creates what `make` says, unless the key has created a run before; `body` is what the key stands for. */
  async copy(
    caller: Caller,
    body: unknown,
    key: string | undefined,
    make: () => Promise<{ data: RunCreated; inherited: NewEvent[] }>,
  ): Promise<Created> {
    return this.#once(caller, body, key, make);
  }

  /** The child run that a parent's log owes. Idempotent: the child's id stands in the parent's log. */
  async spawn(parent: RunKey, childId: string, input?: Json | BlobRef): Promise<void> {
    await this.#residents.refresh([parent]);
    const { control } = await this.#residents.load(parent);
    const wait = control.waits[childId];
    const going = control.status === 'running' || control.status === 'paused';
    if (wait?.status === 'open' && wait.child && going) {
      const { run, workflow } = wait.child;
      const step = childId.slice(wait.node.length + 1);
      const request: CreateRun = {
        workflow,
        input: (input === undefined ? (plainInput(control, wait.node) ?? null) : input) as Json,
        lineage: { parent: { run: parent.run, node: wait.node, step } },
      };
      const owner = control.owner === undefined ? 'system' : `user:${control.owner}`;
      try {
        const created = await this.#event(
          { tenant: parent.tenant, by: owner },
          await this.#data({ tenant: parent.tenant, by: owner }, request),
        );
        await this.#loop.submit({ tenant: parent.tenant, run }, { type: 'create', created });
      } catch (error) {
        if (!(error instanceof MillraceError) || error.row.retry) throw error;
        const failed = { code: error.code, message: error.message };
        await this.#loop.submit(parent, { type: 'child-ended', child: childId, run, outcome: 'failed', error: failed });
      }
      await this.#follow(parent, childId, { tenant: parent.tenant, run });
    }
    await this.#store.dropDue([{ ...parent, key: `spawn/${childId}` }]);
  }

  /** The parent may have stopped between the decision and the child's creation: then the child stops too. */
  async #follow(parent: RunKey, childId: string, child: RunKey): Promise<void> {
    await this.#residents.refresh([parent]);
    const { control } = await this.#residents.load(parent);
    const wait = control.waits[childId];
    const alone = wait?.status === 'cancelled' || control.status === 'stopping';
    if (alone && !wait?.child?.detached) await this.#loop.submit(child, { type: 'cancel', reason: 'parent ended' });
  }

  async #once(
    caller: Caller,
    body: unknown,
    key: string | undefined,
    make: () => Promise<{ data: RunCreated; inherited: NewEvent[] }>,
  ): Promise<Created> {
    const scope = `create/${caller.by}`;
    const hash = key === undefined ? '' : hashOf(body);
    const before = key === undefined ? undefined : await this.#before(caller.tenant, scope, key, hash);
    if (before) return before;
    const { data, inherited } = await make();
    const prepared = this.#event(caller, data);
    const create: EngineCommand = { type: 'create', created: 'then' in prepared ? await prepared : prepared };
    if (inherited.length > 0) create.inherited = [];
    for (const event of inherited) create.inherited?.push(await this.#prepare(caller.tenant, event));
    const id = this.#newId();
    const guards: Pick<Part, 'unique' | 'starts'> = {};
    if (key !== undefined) guards.unique = { scope, key, hash };
    if (this.#rate && caller.by.startsWith('user:')) {
      guards.starts = [{ queue: '', key: scope, ...this.#rate, at: this.#now() }];
    }
    try {
      const { seq } = await this.#loop.submit({ tenant: caller.tenant, run: id }, create, guards);
      return { id, seq, repeated: false };
    } catch (error) {
      const taken = error instanceof MillraceError && error.facts?.taken === true;
      const first = taken ? await this.#before(caller.tenant, scope, key, hash) : undefined;
      if (first) return first;
      throw error;
    }
  }

  async #before(tenant: string, scope: string, key: string | undefined, hash: string): Promise<Created | undefined> {
    if (key === undefined) return undefined;
    const known = await this.#store.unique(tenant, scope, key);
    if (!known) return undefined;
    if (known.hash !== hash)
      throw new MillraceError('idempotency_conflict', { detail: `The key "${key}" was used with another body.` });
    return { id: known.run, seq: 1, repeated: true };
  }

  #event(caller: Caller, data: RunCreated): Prepared | Promise<Prepared> {
    return this.#prepare(caller.tenant, { type: 'run.created', by: caller.by, data });
  }

  async #data({ tenant, by }: Caller, request: CreateRun): Promise<RunCreated> {
    const { nodes, version } = await this.#workflows.resolve(tenant, request);
    const owner = ownerOf(by);
    const data: RunCreated = { workflow: request.workflow, nodes, input: request.input ?? null };
    if (version !== undefined) data.version = version;
    if (request.options) data.options = request.options;
    if (owner !== undefined) data.owner = owner;
    if (request.tags?.length) data.tags = request.tags;
    if (request.lineage) data.lineage = request.lineage as Lineage;
    if (request.external) data.external = true;
    return data;
  }
}

export function ownerOf(by: string): string | undefined {
  return by.startsWith('user:') ? by.slice('user:'.length) : undefined;
}

/** The same for equal bodies, whatever order their keys came in. */
export function hashOf(body: unknown): string {
  const text = JSON.stringify(body, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
