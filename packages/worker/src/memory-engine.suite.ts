import { createHash } from 'node:crypto';
import {
  type Assignment,
  type AttemptAnswer,
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
  type NewEventOf,
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
import { childEnd, type WaitHost, watchWait } from './memory-waits.suite.ts';

interface MemoryRun {
  events: RunEvent[];
  view: RunView;
  leases: Map<string, { lease: LeaseRef; sequence: number; answer?: AttemptAnswer }>;
}

/** What may befall an append on its way: the request gets lost, the reply does, or its worker dies before or after it is written. */
export type Fate = 'arrives' | 'request lost' | 'reply lost' | 'dies before' | 'dies after';

/** The smallest engine that a worker can tell from none: it hands out nodes, keeps logs, refuses what is stale. */
export class MemoryEngine implements LinkRig, WaitHost {
  readonly clock: Clock;
  readonly runs = new Map<string, MemoryRun>();
  readonly blobs = new Map<string, Uint8Array>();
  /** every append that arrived, as it arrived */
  readonly appends: { lease: LeaseRef; sequence: number; events: NewEvent[] }[] = [];
  readonly link: WorkerLink;
  fate: (events: NewEvent[]) => Fate = () => 'arrives';
  /** busy attempts are told at once of waits that end; else with the answer to their next append */
  nudges = true;
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
    return this.#create(`run-${this.runs.size + 1}`, workflow, { input, tags: ['test'], owner: 'ada' });
  }

  #create(run: string, workflow: string, data: Partial<NewEventOf<'run.created'>['data']>): string {
    const definition = this.#workflows.get(workflow);
    if (!definition) throw new MillraceError('workflow_not_found');
    this.runs.set(run, { events: [], view: emptyView(run), leases: new Map() });
    this.#write(run, { type: 'run.created', data: { input: null, ...data, workflow, nodes: definition.nodes } });
    this.#rouse();
    return run;
  }

  spawn(parent: string, { node = '', data }: NewEventOf<'child.started'>): void {
    const step = data.childId.slice(node.length + 1);
    this.#create(data.run, data.workflow, {
      ...(data.input === undefined ? {} : { input: data.input }),
      lineage: { parent: { run: parent, node, step } },
    });
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
    const { onReject } = this.#run(run).view.control.waits[approvalId]?.approval ?? {};
    this.end(run, approvalId, { type: 'approval.resolved', node, by: 'user:ada', data });
    if (decision !== 'rejected' || onReject !== 'fail') return;
    const attempt = this.#run(run).view.control.nodes[node]?.attempt ?? 0;
    const error = { code: 'approval_rejected', message: 'It was rejected.', node, retryable: false };
    this.#write(run, { type: 'node.failed', node, attempt, data: { error } });
    this.#advance({ run, node, attempt });
    this.#signal({ run, node, attempt, state: 'lost' });
  }

  async provide(run: string, inputId: string, value: Json): Promise<void> {
    const node = inputId.slice(0, inputId.indexOf(':'));
    this.end(run, inputId, { type: 'input.provided', node, by: 'user:ada', data: { inputId, value } });
  }

  async command(run: string, type: 'pause' | 'resume' | 'cancel'): Promise<void> {
    const { control } = this.#run(run).view;
    const live = Object.values(control.nodes).filter(({ status }) => status === 'running');
    if (type === 'pause') this.#write(run, { type: 'run.paused', data: {} });
    if (type === 'resume') this.#write(run, { type: 'run.resumed', data: {} });
    if (type === 'cancel' && live.length === 0) this.#write(run, { type: 'run.cancelled', data: { duration: 0 } });
    if (type === 'cancel' && live.length > 0)
      this.#write(run, { type: 'run.stopping', data: { outcome: 'cancelled', graceUntil: this.clock.now() + 10_000 } });
    if (type === 'resume') return this.#rouse();
    for (const { id, attempt } of live) this.#signal({ run, node: id, attempt, state: type });
  }

  end(run: string, id: string, event: NewEvent): void {
    const log = this.#run(run);
    if (log.view.control.waits[id]?.status !== 'open') return;
    this.#write(run, event);
    const { waits, nodes } = log.view.control;
    const { node: place = '' } = event;
    const node = nodes[place];
    const ended = waits[id];
    if (this.nudges && node?.status === 'running' && ended)
      this.#signal({ run, node: place, attempt: node.attempt, state: 'held', ended: [structuredClone(ended)] });
    this.#rouse();
  }

  async close(): Promise<void> {}

  /** The lease is fenced and its node, if it still runs under it, is queued again. */
  lose({ run, node, attempt }: LeaseRef): void {
    const held = this.#run(run).view.control.nodes[node];
    if (held?.status !== 'running' || held.attempt !== attempt) return;
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
        if (!['created', 'running'].includes(view.control.status)) continue;
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
    const states = Object.entries(checkpoints).map(([key, { seq, state }]) => [key, { seq, state }]);
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

  #append(lease: LeaseRef, sequence: number, events: NewEvent[]): AttemptAnswer {
    const fate = this.fate(events);
    if (fate === 'request lost') throw new TypeError('fetch failed');
    if (fate === 'dies before') this.lose(lease);
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
    held.answer = this.#answer(lease);
    this.#advance(lease);
    if (fate === 'dies after') this.lose(lease);
    if (!this.#run(lease.run).leases.has(leaseKey(lease))) throw new MillraceError('stale_attempt');
    if (fate === 'reply lost') throw new TypeError('fetch failed');
    return held.answer;
  }

  #answer({ run, node }: LeaseRef): AttemptAnswer {
    const { events, view } = this.#run(run);
    const seq = events.length;
    const began = view.control.nodes[node]?.startedSeq ?? 0;
    const ended = Object.values(view.control.waits).filter(
      (wait) => wait.node === node && (wait.endedSeq ?? 0) > began,
    );
    return ended.length > 0 ? { seq, ended: structuredClone(ended) } : { seq };
  }

  #advance({ run, node }: LeaseRef): void {
    const { control } = this.#run(run).view;
    const { status, error, output } = control.nodes[node] as NodeView;
    if (status === 'failed' && error) {
      this.#write(run, { type: 'run.failed', data: { error, duration: 0 } });
    } else if (control.status === 'stopping' && control.counts.running === 0) {
      this.#write(run, { type: 'run.cancelled', data: { duration: 0 } });
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
    if (full.type === 'child.started') full.data.run = `child-${this.runs.size}`;
    log.events.push(full);
    log.view = fold(log.view, full);
    if (written.type === 'node.retrying')
      this.#write(run, { type: 'node.queued', node: written.node as string, data: {} });
    watchWait(this, run, full);
    const told = full.type.startsWith('run.') ? childEnd(log.view.control) : undefined;
    if (told) this.end(told.run, told.wait, told.event);
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
