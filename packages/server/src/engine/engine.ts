import {
  type Append,
  type AppendAnswer,
  type Assignment,
  type AttemptAnswer,
  type BlobRef,
  type Clock,
  type ControlView,
  type CreateRun,
  type ForkRun,
  isTerminal,
  type Json,
  type LeaseRef,
  type LeaseState,
  MillraceError,
  type NewEvent,
  type RetryRun,
  type RunCommand,
  type WaitView,
  type WorkerRegistration,
  type WorkflowDefinition,
} from '@millrace/protocol';
import { checkEvent } from '@millrace/protocol/catalogue';
import { type Bus, topics } from '../bus/bus.ts';
import type { Files } from '../files/files.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { DueRow, LeaseRow, RunKey, Store } from '../store/store.ts';
import { withoutExpired } from './checkpoint.ts';
import type { DueCommand, Prepared, UserCommand } from './command.ts';
import { CommitLoop, type Committed } from './commit-loop.ts';
import { type Created, type CreateRate, Creation, hashOf } from './creation.ts';
import { forkOf, retryOf } from './descent.ts';
import { Dispatcher } from './dispatcher.ts';
import { Evaluator } from './evaluator.ts';
import { Expressions } from './expressions.ts';
import type { Caller, CommandOptions, Engine, WorkerInfo } from './face.ts';
import { prepare } from './prepare.ts';
import { type Resident, Residents } from './resident.ts';
import { defaultTimings, type Timings } from './timings.ts';
import { Workers } from './workers.ts';
import { Workflows } from './workflows.ts';

export interface EngineOptions {
  store: Store;
  bus: Bus;
  files: Files;
  clock: Clock;
  metrics: Metrics;
  /** this server's boot; new at every start */
  server: string;
  /** makes a run's id; sorts by time (uuidv7) */
  newId: () => string;
  timings?: Partial<Timings>;
  /** how many runs one user may start; default: as many as they like */
  createRate?: CreateRate;
  /** limits of one expression: ms and MB */
  expressions?: { timeout?: number; memory?: number };
}

export function createEngine(options: EngineOptions): Engine {
  return new RunEngine(options);
}

class RunEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #timings: Timings;
  readonly #residents: Residents;
  readonly #loop: CommitLoop;
  readonly #dispatcher: Dispatcher;
  readonly #expressions: Expressions;
  readonly #evaluator: Evaluator;
  readonly #workers = new Workers();
  readonly #workflows: Workflows;
  readonly #creation: Creation;
  readonly #evaluating = new Map<string, Promise<void>>();
  readonly #spawning = new Map<string, Promise<void>>();
  readonly #subscriptions = new Map<string, () => void>();
  #onDue: (at: number) => void = () => undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    const { store, bus, clock, metrics, server, files } = options;
    this.#timings = { ...defaultTimings, ...options.timings };
    this.#residents = new Residents(store);
    this.#loop = new CommitLoop({
      store,
      bus,
      clock,
      metrics,
      residents: this.#residents,
      server,
      timings: this.#timings,
      newId: options.newId,
      hands: () => this.#dispatcher,
      onCommitted: (committed) => this.#committed(committed),
    });
    this.#dispatcher = new Dispatcher({
      store,
      loop: this.#loop,
      residents: this.#residents,
      files,
      clock,
      timings: this.#timings,
    });
    this.#expressions = new Expressions({ clock, ...options.expressions });
    this.#evaluator = new Evaluator(this.#expressions, files);
    this.#workflows = new Workflows(store, this.#expressions, clock);
    this.#creation = new Creation({
      ...{ store, loop: this.#loop, residents: this.#residents, workflows: this.#workflows, newId: options.newId },
      prepare: (tenant, event) => this.#prepare(tenant, event),
      now: () => clock.now(),
      ...(options.createRate ? { rate: options.createRate } : {}),
    });
  }

  create(caller: Caller, request: CreateRun, idempotencyKey?: string): Promise<Created> {
    return this.#creation.create(caller, request, idempotencyKey);
  }

  async retry(caller: Caller, run: string, request: RetryRun, key?: string): Promise<Created> {
    const { control } = await this.#resident({ tenant: caller.tenant, run });
    return this.#creation.copy(caller, { retry: run, request }, key, async () => {
      const { workflow, version } = control;
      if (request.input !== undefined)
        await this.#workflows.checkInput(caller.tenant, workflow, version, request.input);
      const { data, inherited } = retryOf(control, request);
      return { data, inherited: withoutExpired(inherited, control, this.#options.clock.now()) };
    });
  }

  async fork(caller: Caller, run: string, request: ForkRun, key?: string): Promise<Created> {
    const control = await this.#residents.at({ tenant: caller.tenant, run }, request.seq);
    return this.#creation.copy(caller, { fork: run, request }, key, async () => forkOf(control, request));
  }

  async append(caller: Caller, run: string, append: Append): Promise<AppendAnswer> {
    const events = await this.#check(caller, append.events);
    const key = { tenant: caller.tenant, run };
    const { producer } = append;
    const answer = await this.#loop.submit(key, { type: 'append', events, ...(producer ? { producer } : {}) });
    return { seq: answer.seq, ...(answer.repeated ? { repeated: true } : {}) };
  }

  async command(
    caller: Caller,
    run: string,
    command: RunCommand,
    options: CommandOptions = {},
  ): Promise<{ seq: number; result?: Json }> {
    const { key, ctl, spend } = options;
    const asked: UserCommand = {
      ...{ type: 'user', by: caller.by, command },
      ...(ctl === undefined ? {} : { ctl }),
      ...(key === undefined
        ? {}
        : { key: { id: `command/${caller.by}/${key}`, hash: Number.parseInt(hashOf(command).slice(0, 12), 16) } }),
    };
    const guards = spend === undefined ? undefined : { spend: [{ id: spend, at: this.#options.clock.now() }] };
    const { seq, result } = await this.#loop.submit({ tenant: caller.tenant, run }, asked, guards);
    return { seq, ...(result === undefined ? {} : { result: result as Json }) };
  }

  async register(
    caller: Caller,
    worker: WorkerRegistration,
    place: { boot: string },
  ): Promise<{ leaseMs: number; renewMs: number }> {
    for (const definition of worker.workflows) await this.#workflows.put(caller.tenant, definition);
    this.#workers.put(caller.tenant, worker, place.boot, this.#options.clock.now());
    this.#hearWork(caller.tenant);
    return { leaseMs: this.#timings.lease, renewMs: this.#timings.renew };
  }

  #hearWork(tenant: string): void {
    if (this.#subscriptions.has(tenant)) return;
    this.#subscriptions.set(
      tenant,
      this.#options.bus.subscribe(topics.work(tenant), () => this.#dispatcher.wake(tenant)),
    );
  }

  async claim(
    caller: Caller,
    request: { worker: string; limit: number; wait: number },
    signal?: AbortSignal,
  ): Promise<Assignment[]> {
    const worker = this.#workers.seen(caller.tenant, request.worker, this.#options.clock.now());
    return this.#dispatcher.claim(caller.tenant, worker, worker.boot, request, signal);
  }

  async appendAttempt(caller: Caller, lease: LeaseRef, sequence: number, events: NewEvent[]): Promise<AttemptAnswer> {
    const prepared = await this.#check(caller, events, lease);
    const key = { tenant: caller.tenant, run: lease.run };
    const answer = await this.#loop.submit(key, { type: 'attempt', lease, sequence, events: prepared });
    const ended = this.#endedWaits(key, lease, answer.seq);
    return { seq: answer.seq, ...(answer.repeated ? { repeated: true } : {}), ...(ended.length > 0 ? { ended } : {}) };
  }

  /** What ended between the attempt's start and `seq`, so that it hears of it in the order of the log. */
  #endedWaits(key: RunKey, { node: id }: LeaseRef, seq: number): WaitView[] {
    const control = this.#residents.get(key)?.control;
    const began = control?.nodes[id]?.startedSeq ?? 0;
    const ended: WaitView[] = [];
    for (const name in control?.waits) {
      const wait = control.waits[name] as WaitView;
      const { node, status, endedSeq = 0 } = wait;
      if (node === id && status !== 'cancelled' && endedSeq > began && endedSeq < seq) ended.push(wait);
    }
    return ended;
  }

  async renew(caller: Caller, worker: string, leases: readonly LeaseRef[]): Promise<LeaseState[]> {
    const { store, clock } = this.#options;
    this.#workers.seen(caller.tenant, worker, clock.now(), leases.length);
    const keys = leases.map(({ run, node, attempt }) => ({ tenant: caller.tenant, run, node, attempt }));
    const held = await store.renewLeases(worker, keys, clock.now() + this.#timings.lease);
    await this.#residents.refresh([...new Map(keys.map((key) => [key.run, key])).values()]);
    return Promise.all(
      leases.map(async (lease, index): Promise<LeaseState> => {
        if (!held[index]) return { ...lease, state: 'lost' };
        const { control } = await this.#residents.load({ tenant: caller.tenant, run: lease.run });
        if (control.status === 'stopping')
          return { ...lease, state: 'cancel', ...(control.stop ? { reason: control.stop.outcome } : {}) };
        return { ...lease, state: control.status === 'paused' ? 'pause' : 'held' };
      }),
    );
  }

  onSignal(caller: Caller, worker: string, listener: (signal: LeaseState) => void): () => void {
    return this.#workers.onSignal(caller.tenant, worker, listener);
  }

  workers(tenant: string): WorkerInfo[] {
    return this.#workers.list(tenant);
  }

  putWorkflow(caller: Caller, definition: WorkflowDefinition): Promise<{ name: string; hash: string }> {
    return this.#workflows.put(caller.tenant, definition);
  }

  workflows(tenant: string): Promise<(WorkflowDefinition & { hash: string })[]> {
    return this.#workflows.list(tenant);
  }

  async control(key: RunKey): Promise<{ control: ControlView; head: number } | undefined> {
    try {
      const { control, head } = await this.#resident(key);
      return { control, head };
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'run_not_found') return undefined;
      throw error;
    }
  }

  /** A resident that holds nothing but what is committed, until the end of this turn. */
  async #resident(key: RunKey): Promise<Resident> {
    await this.#residents.refresh([key]);
    await this.#loop.settled();
    const run = await this.#residents.load(key);
    await this.#loop.settled();
    this.#residents.settle(run);
    return run;
  }

  /** The scheduler asks to be told when something becomes due earlier than it knows. */
  onDue(listener: (at: number) => void): void {
    this.#onDue = listener;
  }

  /** Carries out what a due row says. Idempotent; resolves when the row has gone or may go. */
  async deliver(row: DueRow): Promise<void> {
    const command = JSON.parse(row.command) as DueCommand;
    if (command.type === 'evaluate') return this.#evaluate(row, command.node);
    if (command.type === 'spawn') return this.#spawn(row, command.child, command.input);
    try {
      const { written } = await this.#loop.submit(row, command, { settles: row.key });
      if (written) return;
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'run_not_found') throw error;
    }
    await this.#options.store.dropDue([row]);
  }

  /** An expired lease ends by an event; nothing happens where it was renewed meanwhile. */
  async expire(lease: LeaseRow, expiredAt: number): Promise<void> {
    await this.#loop.submit(lease, {
      type: 'lost',
      node: lease.node,
      attempt: lease.attempt,
      reason: 'lease_expired',
      expiredAt,
    });
  }

  async hang(lease: LeaseRow): Promise<void> {
    await this.#loop.submit(lease, { type: 'lost', node: lease.node, attempt: lease.attempt, reason: 'hung' });
  }

  async endRun(key: RunKey, end: Parameters<Engine['endRun']>[1]): Promise<void> {
    await this.#loop.submit(key, { type: 'end', ...end });
  }

  /** There may be queue rows that have become claimable by time alone. */
  wakeAll(): void {
    for (const tenant of this.#subscriptions.keys()) this.#dispatcher.wake(tenant);
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#subscriptions.values()) unsubscribe();
    this.#subscriptions.clear();
    this.#dispatcher.close();
    await this.#loop.drained();
    await this.#expressions.close();
  }

  #committed({ draft, part }: Committed): void {
    const { key, control } = draft.run;
    const { signals, ended } = draft.told;
    for (const { worker, state } of signals) this.#workers.signal(key.tenant, worker, state);
    for (const id of ended) {
      const wait = control.waits[id];
      const node = control.nodes[wait?.node ?? ''];
      if (!wait || node?.status !== 'running' || node.worker === undefined) continue;
      this.#workers.signal(key.tenant, node.worker, {
        run: key.run,
        node: node.id,
        attempt: node.attempt,
        state: 'held',
        ended: [wait],
      });
    }
    for (const id of draft.evaluate) void this.#evaluate(key, id);
    for (const row of part.due ?? []) this.#carry(row);
    const delayed = part.enqueue?.reduce((least, row) => Math.min(least, row.at), Number.POSITIVE_INFINITY);
    if (delayed !== undefined && delayed > draft.at) this.#onDue(delayed);
    if (isTerminal(control.status)) this.#options.metrics.count('runs_ended_total', 1, { status: control.status });
  }

  /** What is due at once is carried out at once; its row stands until it is done, for the scheduler of the next server. */
  #carry(row: DueRow): void {
    if (row.key.startsWith('evaluate/')) return;
    if (row.at > this.#options.clock.now()) return this.#onDue(row.at);
    this.deliver(row).catch(() => this.#onDue(row.at));
  }

  #spawn(key: RunKey, child: string, input?: Json | BlobRef): Promise<void> {
    const id = `${key.tenant}/${key.run}/${child}`;
    const running =
      this.#spawning.get(id) ?? this.#creation.spawn(key, child, input).finally(() => this.#spawning.delete(id));
    this.#spawning.set(id, running);
    return running;
  }

  /** Evaluates a ready node's expressions and hands the result back as a command. The due row stands until then. */
  #evaluate(key: RunKey, node: string): Promise<void> {
    const id = `${key.tenant}/${key.run}/${node}`;
    const running =
      this.#evaluating.get(id) ?? this.#evaluateOnce(key, node).finally(() => this.#evaluating.delete(id));
    this.#evaluating.set(id, running);
    return running;
  }

  async #evaluateOnce(key: RunKey, node: string): Promise<void> {
    try {
      await this.#residents.refresh([key]);
      const run = await this.#residents.load(key);
      if (run.control.nodes[node]?.ready) {
        const outcome = await this.#evaluator.evaluate(key, run.control, node);
        await this.#loop.submit(key, { type: 'evaluated', node, outcome });
      } else {
        await this.#options.store.dropDue([{ ...key, key: `evaluate/${node}` }]);
      }
    } catch {
      // The store failed or the run went: the due row stands, and the scheduler delivers it again.
      this.#options.metrics.count('evaluation_failures_total');
    }
  }

  /** An attempt (`lease`) tells of its own node; the run that a child is to be gets its id here. */
  async #check(caller: Caller, events: readonly NewEvent[], lease?: LeaseRef): Promise<Prepared[]> {
    if (events.length === 0)
      throw new MillraceError('invalid_request', { detail: 'An append holds at least one event.' });
    const checked = events.map((event) => {
      const named = lease && event?.type === 'child.started';
      const told = named ? { ...event, data: { ...event.data, run: this.#options.newId() } } : event;
      return checkEvent(told, caller.by, lease);
    });
    const prepared: Prepared[] = [];
    for (const event of checked) {
      const one = this.#prepare(caller.tenant, event);
      prepared.push('then' in one ? await one : one);
    }
    return prepared;
  }

  #prepare(tenant: string, event: NewEvent): Prepared | Promise<Prepared> {
    return prepare(event, (bytes) => this.#options.files.put(tenant, bytes, 'application/json'));
  }
}
