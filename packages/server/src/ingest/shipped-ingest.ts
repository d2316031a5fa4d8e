import type { RunState, WorkerLink, WorkflowDefinition } from '@millrace/protocol';
import type { Clock } from '@millrace/protocol/clock';
import type { Engine } from '../engine/face.ts';
import type { Store } from '../store/store.ts';

const NAME = 'ingest';
/** documents at the same time, of a tenant and server */
const CONCURRENCY = 2;
const UNFINISHED: readonly RunState[] = ['created', 'running', 'paused', 'stopping'];
/** unfinished runs that a start looks through */
const LOOK = 1_000;
/** ms between two looks for a workflow that another server has registered */
const LOOK_MS = 2_000;

export interface ShippedIngestOptions {
  engine: Pick<Engine, 'putWorkflow'>;
  store: Pick<Store, 'definition' | 'silentRuns'>;
  clock: Clock;
  /** of a worker in this process */
  link(tenant: string): WorkerLink;
  /** told what failed and is being tried again */
  report(error: unknown, during: string): void;
}

/**
 * The workflow `ingest` that comes with the server, and the worker in this process that runs it. Neither is there until
 * a tenant first needs them: when a document comes, when another server is seen to have registered the workflow, or
 * when a start finds an unfinished run. Where somebody has registered an `ingest` of their own, that one stands and nothing is begun.
 */
export class ShippedIngest {
  readonly #options: ShippedIngestOptions;
  readonly #workers = new Map<string, Promise<{ stop(): Promise<void> } | undefined>>();
  readonly #looks = new Map<string, () => void>();
  #resumed: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ShippedIngestOptions) {
    this.#options = options;
  }

  /** Goes on with what an earlier process has left, and looks out for what other servers start. Never rejects. */
  resume(tenants: readonly string[]): Promise<void> {
    this.#resumed = this.#resume(tenants).catch((error: unknown) => this.#options.report(error, 'resuming ingest'));
    return this.#resumed;
  }

  async #resume(tenants: readonly string[]): Promise<void> {
    const { store, clock } = this.#options;
    for (const tenant of tenants) this.#lookLater(tenant);
    const left = await store.silentRuns({ status: UNFINISHED, before: clock.now(), external: false, limit: LOOK });
    const waiting = new Set(left.flatMap(({ tenant, summary }) => (summary.workflow === NAME ? [tenant] : [])));
    await Promise.all([...waiting].map((tenant) => this.begin(tenant)));
  }

  /** Makes the tenant's runs of `ingest` possible; resolves when the workflow is registered and its worker takes work. */
  async begin(tenant: string): Promise<void> {
    if (this.#stopped || !(await this.#mayBegin(tenant))) return;
    const worker = this.#workers.get(tenant) ?? this.#start(tenant);
    this.#workers.set(tenant, worker);
    await worker;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const cancel of this.#looks.values()) cancel();
    await this.#resumed;
    await Promise.all([...this.#workers.values()].map(async (worker) => (await worker)?.stop()));
  }

  /** Where another server has registered it, its runs are this one's to take too: when that one is gone, by itself. */
  #lookLater(tenant: string): void {
    const { clock, report } = this.#options;
    const cancel = clock.after(LOOK_MS, () => {
      this.#look(tenant).catch((error: unknown) => report(error, 'looking for ingest'));
    });
    this.#looks.set(tenant, cancel);
  }

  async #look(tenant: string): Promise<void> {
    try {
      if ((await this.#task(tenant)) !== undefined) await this.begin(tenant);
    } finally {
      if (!this.#stopped && !this.#workers.has(tenant)) this.#lookLater(tenant);
    }
  }

  /** Known by its task, so that another version of the server knows it too. */
  async #mayBegin(tenant: string): Promise<boolean> {
    const { INGEST_TASK } = await import('@millrace/worker/ingest');
    const task = await this.#task(tenant);
    return task === undefined || task === INGEST_TASK;
  }

  /** The first task of the tenant's workflow `ingest`; undefined = there is none. */
  async #task(tenant: string): Promise<string | undefined> {
    const stored = await this.#options.store.definition(tenant, NAME);
    if (!stored) return undefined;
    const { nodes } = JSON.parse(stored.text) as WorkflowDefinition;
    return nodes[0]?.task ?? '';
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
