import { createHash } from 'node:crypto';
import {
  type AppendAnswer,
  type Assignment,
  type BlobRef,
  type Clock,
  type ControlView,
  definitionId,
  emptyView,
  fold,
  isBlobRef,
  type Json,
  type LeaseRef,
  type LeaseState,
  MillraceError,
  type NewEvent,
  type NodeView,
  type RunEvent,
  type RunView,
  type WaitView,
  type WorkerLink,
  type WorkerRegistration,
  type WorkflowDefinition,
} from '@millrace/protocol';
import { leaseKey } from './lease-book.ts';
import type { LinkRig } from './link.suite.ts';

interface MemoryRun {
  events: RunEvent[];
  view: RunView;
  leases: Map<string, { lease: LeaseRef; sequence: number; answer?: AppendAnswer }>;
}

/** What may befall an append on its way: the request gets lost, or the reply does. */
export type Fate = 'arrives' | 'request lost' | 'reply lost';

/** The smallest engine that a worker can tell from none: it hands out nodes, keeps logs, refuses what is stale. */
export class MemoryEngine implements LinkRig {
  readonly clock: Clock;
  readonly runs = new Map<string, MemoryRun>();
  readonly blobs = new Map<string, Uint8Array>();
  /** every append that arrived, as it arrived */
  readonly appends: { lease: LeaseRef; sequence: number; events: NewEvent[] }[] = [];
  readonly link: WorkerLink;
  fate: (events: NewEvent[]) => Fate = () => 'arrives';
  /** throws to refuse an append */
  check: (events: NewEvent[], lease: LeaseRef) => void = () => {};
  renewals: LeaseRef[][] = [];
  renewing = true;
  #workflows = new Map<string, WorkflowDefinition>();
  #signal: (state: LeaseState) => void = () => {};
  #wake = Promise.withResolvers<void>();

  constructor(clock: Clock, options: { renewsItself?: boolean } = {}) {
    this.clock = clock;
    this.link = this.#createLink(options.renewsItself ?? true);
  }

  async create(workflow: string, input: Json): Promise<string> {
    const definition = this.#workflows.get(workflow);
    if (!definition) throw new MillraceError('workflow_not_found');
    const run = `run-${this.runs.size + 1}`;
    this.runs.set(run, { events: [], view: emptyView(run), leases: new Map() });
    this.#write(run, {
      type: 'run.created',
      data: { workflow, nodes: definition.nodes, input, tags: ['test'], owner: 'ada' },
    });
    this.#rouse();
    return run;
  }

  async view(run: string): Promise<RunView> {
    return this.#run(run).view;
  }

  async events(run: string): Promise<RunEvent[]> {
    return this.#run(run).events;
  }

  async answer(run: string, approvalId: string, decision: string, comment?: string): Promise<void> {
    const node = approvalId.slice(0, approvalId.indexOf(':'));
    const data = { approvalId, decision, ...(comment === undefined ? {} : { comment }) };
    this.#write(run, { type: 'approval.resolved', node, by: 'user:ada', data });
    this.#rouse();
  }

  async close(): Promise<void> {}

  /** The lease is fenced and its node is queued again. */
  lose({ run, node, attempt }: LeaseRef): void {
    this.#run(run).leases.delete(leaseKey({ run, node, attempt }));
    this.#write(run, { type: 'attempt.lost', node, attempt, data: { reason: 'lease_expired' } });
    this.#rouse();
  }

  signal(state: LeaseState): void {
    this.#signal(state);
  }

  #createLink(renewsItself: boolean): WorkerLink {
    return {
      renewsItself,
      register: async (worker) => this.#register(worker),
      claim: (request, signal) => this.#claim(request, signal),
      append: async (lease, sequence, events) => this.#append(lease, sequence, structuredClone(events)),
      renew: async (_worker, leases) => this.#renew(leases),
      onSignal: (listener) => {
        this.#signal = listener;
        return () => {
          this.#signal = () => {};
        };
      },
      putBlob: async (bytes, type) => {
        const sha = createHash('sha256').update(bytes).digest('hex');
        this.blobs.set(sha, bytes);
        return { $blob: sha, bytes: bytes.byteLength, type };
      },
      getBlob: async (sha) => this.blobs.get(sha) ?? raise(new MillraceError('file_not_found')),
      close: async () => {},
    };
  }

  #register({ workflows }: WorkerRegistration): { leaseMs: number; renewMs: number } {
    for (const workflow of workflows) this.#workflows.set(workflow.name, workflow);
    return { leaseMs: 6_000, renewMs: 2_000 };
  }

  async #claim({ worker, limit }: { worker: string; limit: number }, signal?: AbortSignal): Promise<Assignment[]> {
    for (;;) {
      const taken: Assignment[] = [];
      for (const [run, { view }] of this.runs) {
        const queued = Object.values(view.control.nodes).filter(({ status }) => status === 'queued');
        for (const node of queued.slice(0, limit - taken.length))
          taken.push(this.#assign(run, view.control, node, worker));
      }
      if (taken.length > 0) return taken;
      const aborted = new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
      await Promise.race([this.#wake.promise, aborted]);
    }
  }

  #assign(run: string, control: ControlView, node: NodeView, worker: string): Assignment {
    const lease = { run, node: node.id, attempt: node.attempt + 1 };
    const { task = '', needs = [] } = control.graph.find(({ id }) => id === definitionId(node.id)) ?? {};
    const outputs = Object.fromEntries(needs.map((id) => [id, this.#whole(control.nodes[id]?.output ?? null)]));
    const { steps, checkpoints = {} } = node;
    const states = Object.entries(checkpoints).map(([key, { state }]) => [key, state]);
    const waits = Object.entries(control.waits).filter(([, wait]) => wait.node === node.id);
    this.#run(run).leases.set(leaseKey(lease), { lease, sequence: 0 });
    const assignment: Assignment = {
      ...lease,
      task,
      workflow: control.workflow,
      input: (needs.length > 0 ? outputs : control.input) as Json,
      tags: control.tags,
      ...(control.owner === undefined ? {} : { owner: control.owner }),
      leaseMs: 6_000,
      journal: structuredClone({
        steps,
        waits: Object.fromEntries(waits) as Record<string, WaitView>,
        checkpoints: Object.fromEntries(states) as Assignment['journal']['checkpoints'],
      }),
    };
    this.#write(run, { type: 'node.started', node: lease.node, attempt: lease.attempt, data: { task, worker } });
    return assignment;
  }

  #whole(value: Json | BlobRef): Json {
    if (!isBlobRef(value)) return value;
    return JSON.parse(new TextDecoder().decode(this.blobs.get(value.$blob))) as Json;
  }

  #append(lease: LeaseRef, sequence: number, events: NewEvent[]): AppendAnswer {
    const fate = this.fate(events);
    if (fate === 'request lost') throw new TypeError('fetch failed');
    this.appends.push({ lease, sequence, events });
    const held = this.#run(lease.run).leases.get(leaseKey(lease));
    if (!held) throw new MillraceError('stale_attempt');
    if (sequence === held.sequence && held.answer) return { ...held.answer, repeated: true };
    const node = this.#run(lease.run).view.control.nodes[lease.node];
    if (node?.status !== 'running' || node.attempt !== lease.attempt) throw new MillraceError('stale_attempt');
    if (sequence !== held.sequence + 1)
      throw new MillraceError('producer_gap', { facts: { expected: held.sequence + 1 } });
    this.check(events, lease);
    const { waits } = this.#run(lease.run).view.control;
    for (const event of events) {
      if (event.type !== 'node.waiting') continue;
      const answers = event.data.waits.map((id) => waits[id]).filter((wait) => wait && wait.status !== 'open');
      if (answers.length > 0) throw new MillraceError('wait_ended', { facts: { answers: structuredClone(answers) } });
    }
    for (const event of events) this.#write(lease.run, event);
    held.sequence = sequence;
    held.answer = { seq: this.#run(lease.run).events.length };
    this.#advance(lease);
    if (fate === 'reply lost') throw new TypeError('fetch failed');
    return held.answer;
  }

  #advance({ run, node }: LeaseRef): void {
    const { control } = this.#run(run).view;
    const { status, error, output } = control.nodes[node] as NodeView;
    if (status === 'failed' && error) {
      this.#write(run, { type: 'run.failed', data: { error, duration: 0 } });
    } else if (Object.values(control.nodes).every((one) => one.status === 'completed')) {
      this.#write(run, { type: 'run.completed', data: { duration: 0, ...(output === undefined ? {} : { output }) } });
    }
    this.#rouse();
  }

  #renew(leases: LeaseRef[]): LeaseState[] {
    if (!this.renewing) throw new TypeError('fetch failed');
    this.renewals.push(leases);
    return leases.map((lease) => ({
      ...lease,
      state: this.#run(lease.run).leases.has(leaseKey(lease)) ? 'held' : 'lost',
    }));
  }

  #write(run: string, event: NewEvent): void {
    const log = this.#run(run);
    const { maxAttempts, error } = retryOf(log.view.control, event);
    const written = (
      error && maxAttempts > 1 ? { ...event, type: 'node.retrying', data: { error, nextAt: 0 } } : event
    ) as NewEvent;
    const full = { seq: log.events.length + 1, at: this.clock.now(), ...written } as RunEvent;
    log.events.push(full);
    log.view = fold(log.view, full);
    if (written.type === 'node.retrying')
      this.#write(run, { type: 'node.queued', node: written.node as string, data: {} });
  }

  #run(run: string): MemoryRun {
    return this.runs.get(run) ?? raise(new MillraceError('run_not_found'));
  }

  #rouse(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}

function retryOf(control: ControlView, event: NewEvent) {
  if (event.type !== 'node.failed' || event.data.error.retryable === false) return { maxAttempts: 0 };
  const node = control.nodes[event.node ?? ''];
  const attempts = control.graph.find(({ id }) => id === event.node)?.retry?.attempts ?? 1;
  return { maxAttempts: attempts - (node?.retries ?? 0), error: event.data.error };
}

function raise(error: Error): never {
  throw error;
}
