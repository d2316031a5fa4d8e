import type { RunState, WorkerLink, WorkflowDefinition } from '@millrace/protocol';
import type { Clock } from '@millrace/protocol/clock';
import { type Bus, topics } from '../bus/bus.ts';
import type { Engine } from '../engine/face.ts';
import type { Store } from '../store/store.ts';

const NAME = 'ingest';
/** documents at the same time, of a tenant and server */
const CONCURRENCY = 2;
const UNFINISHED: readonly RunState[] = ['created', 'running', 'paused', 'stopping'];
/** unfinished runs that a start looks through */
const LOOK = 1_000;

export interface ShippedIngestOptions {
  engine: Pick<Engine, 'putWorkflow'>;
  store: Pick<Store, 'definition' | 'silentRuns'>;
  bus: Pick<Bus, 'subscribe'>;
  clock: Clock;
  /** of a worker in this process */
  link(tenant: string): WorkerLink;
  /** told what failed and is being tried again */
  report(error: unknown, during: string): void;
}

/**
 * The workflow `ingest` that comes with the server, and the worker in this process that runs it. Neither is there until
 * a tenant first needs them: when a document comes, when a run of `ingest` is heard of, or when a start finds an
 * unfinished one. Where somebody has registered an `ingest` of their own, that one stands and nothing is begun.
 */
export class ShippedIngest {
  readonly #options: ShippedIngestOptions;
  readonly #workers = new Map<string, Promise<{ stop(): Promise<void> } | undefined>>();
  readonly #heard = new Map<string, () => void>();
  #resumed: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ShippedIngestOptions) {
    this.#options = options;
  }

  /** Goes on with what an earlier process has left, and listens for what other servers start. Never rejects. */
  resume(tenants: readonly string[]): Promise<void> {
    this.#resumed = this.#resume(tenants).catch((error: unknown) => this.#options.report(error, 'resuming ingest'));
    return this.#resumed;
  }

  async #resume(tenants: readonly string[]): Promise<void> {
    const { store, clock } = this.#options;
    for (const tenant of tenants) this.#listen(tenant);
    const left = await store.silentRuns({ status: UNFINISHED, before: clock.now(), external: false, limit: LOOK });
    const waiting = new Set(left.flatMap(({ tenant, summary }) => (summary.workflow === NAME ? [tenant] : [])));
    await Promise.all([...waiting].map((tenant) => this.begin(tenant)));
  }

  /** Makes the tenant's runs of `ingest` possible; resolves when the workflow is registered and its worker takes work. */
  async begin(tenant: string): Promise<void> {
    if (this.#stopped) return;
    this.#listen(tenant);
    if (!(await this.#isOurs(tenant))) return;
    const worker = this.#workers.get(tenant) ?? this.#start(tenant);
    this.#workers.set(tenant, worker);
    await worker;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const leave of this.#heard.values()) leave();
    await this.#resumed;
    await Promise.all([...this.#workers.values()].map(async (worker) => (await worker)?.stop()));
  }

  /** Another server, a schedule or a retry may start a run of it, which stays `created` until somebody takes it. */
  #listen(tenant: string): void {
    if (this.#heard.has(tenant)) return;
    const leave = this.#options.bus.subscribe(topics.rows(tenant), (message) => {
      if (message.kind !== 'row' || message.row.workflow !== NAME || message.row.status !== 'created') return;
      if (this.#workers.has(tenant)) return;
      this.begin(tenant).catch((error: unknown) => this.#options.report(error, 'starting ingest'));
    });
    this.#heard.set(tenant, leave);
  }

  /** Known by its task, so that another version of the server knows it too. */
  async #isOurs(tenant: string): Promise<boolean> {
    const { INGEST_TASK } = await import('@millrace/worker/ingest');
    const stored = await this.#options.store.definition(tenant, NAME);
    if (!stored) return true;
    const { nodes } = JSON.parse(stored.text) as WorkflowDefinition;
    return nodes.some(({ task }) => task === INGEST_TASK);
  }

  async #start(tenant: string): Promise<{ stop(): Promise<void> } | undefined> {
    const { engine, link, report } = this.#options;
    try {
      const [{ createWorker }, ingest] = await Promise.all([
        import('@millrace/worker'),
        import('@millrace/worker/ingest'),
      ]);
      const own = link(tenant);
      const task = ingest.ingestTask(own);
      await engine.putWorkflow({ tenant, by: 'system' }, ingest.ingestWorkflow(task));
      const worker = createWorker({ link: own, tasks: [task], concurrency: CONCURRENCY, onError: report });
      await worker.start();
      return {
        async stop() {
          await worker.stop();
          await own.close();
        },
      };
    } catch (error) {
      this.#workers.delete(tenant);
      throw error;
    }
  }
}
