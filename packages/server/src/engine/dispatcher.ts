import type { Assignment, Clock, Journal, WorkerRegistration } from '@millrace/protocol';
import { definitionId, graphIndex } from '@millrace/protocol';
import type { Files } from '../files/files.ts';
import type { QueueRow, Store } from '../store/store.ts';
import type { CommitLoop } from './commit-loop.ts';
import { plainInput } from './mapping.ts';
import type { Residents } from './resident.ts';
import { resolveBlobs } from './resolve-blobs.ts';
import type { Timings } from './timings.ts';

interface Waiter {
  tenant: string;
  worker: WorkerRegistration;
  boot: string;
  limit: number;
  /** true = nobody waits for the answer any more */
  gone: boolean;
  serving: boolean;
  /** work came while it was being served */
  again: boolean;
  answer(assignments: Assignment[]): void;
}

/** Hands queued nodes to workers that ask for them. A claim is a decision like any other: node.started, in the log. */
export class Dispatcher {
  readonly #store: Store;
  readonly #loop: CommitLoop;
  readonly #residents: Residents;
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #timings: Timings;
  readonly #waiters = new Set<Waiter>();
  /** queue rows that a start command is under way for */
  readonly #starting = new Set<string>();

  constructor(options: {
    store: Store;
    loop: CommitLoop;
    residents: Residents;
    files: Files;
    clock: Clock;
    timings: Timings;
  }) {
    this.#store = options.store;
    this.#loop = options.loop;
    this.#residents = options.residents;
    this.#files = options.files;
    this.#clock = options.clock;
    this.#timings = options.timings;
  }

  /** Resolves with work as soon as there is some, else with [] after `wait` ms or when `signal` aborts. */
  claim(
    tenant: string,
    worker: WorkerRegistration,
    boot: string,
    request: { limit: number; wait: number },
    signal?: AbortSignal,
  ): Promise<Assignment[]> {
    return new Promise((resolve, reject) => {
      const finish = (assignments: Assignment[]) => {
        waiter.gone = true;
        this.#waiters.delete(waiter);
        cancel();
        signal?.removeEventListener('abort', leave);
        resolve(assignments);
      };
      const waiter: Waiter = {
        tenant,
        worker,
        boot,
        limit: Math.max(1, request.limit),
        serving: false,
        again: false,
        answer: finish,
        gone: request.wait <= 0 || signal?.aborted === true,
      };
      const leave = () => {
        if (!waiter.serving) finish([]);
        else waiter.gone = true;
      };
      const cancel = waiter.gone ? () => undefined : this.#clock.after(request.wait, leave);
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiters.add(waiter);
      this.#serve(waiter).catch((error: unknown) => {
        finish([]);
        reject(error instanceof Error ? error : new Error(String(error)));
      });
    });
  }

  /** There may be work for this tenant's waiters. */
  wake(tenant: string): void {
    for (const waiter of this.#waiters) {
      if (waiter.tenant !== tenant) continue;
      if (waiter.serving) waiter.again = true;
      else this.#serve(waiter).catch(() => waiter.answer([]));
    }
  }

  close(): void {
    for (const waiter of this.#waiters) if (!waiter.serving) waiter.answer([]);
  }

  async #serve(waiter: Waiter): Promise<void> {
    waiter.serving = true;
    try {
      do {
        waiter.again = false;
        const rows = await this.#store.claimable({
          tenant: waiter.tenant,
          tasks: waiter.worker.tasks,
          now: this.#clock.now(),
          limit: waiter.limit + this.#starting.size,
          ...(waiter.worker.queues ? { queues: waiter.worker.queues } : {}),
        });
        const free = rows.filter((row) => !this.#starting.has(rowId(row))).slice(0, waiter.limit);
        const started = (await Promise.all(free.map((row) => this.#start(waiter, row)))).filter(
          (one) => one !== undefined,
        );
        if (started.length > 0) return waiter.answer(started);
      } while (waiter.again && !waiter.gone);
    } finally {
      waiter.serving = false;
    }
    if (waiter.gone) waiter.answer([]);
  }

  async #start(waiter: Waiter, row: QueueRow): Promise<Assignment | undefined> {
    const id = rowId(row);
    this.#starting.add(id);
    try {
      const version = waiter.worker.tasks.find((task) => task.name === row.task)?.version;
      const answer = await this.#loop.submit(row, {
        type: 'start',
        node: row.node,
        worker: waiter.worker.id,
        boot: waiter.boot,
        lease: this.#timings.lease,
        ...(version === undefined ? {} : { version }),
      });
      return answer.written ? await this.#assignment(row) : undefined;
    } finally {
      this.#starting.delete(id);
    }
  }

  async #assignment(row: QueueRow): Promise<Assignment | undefined> {
    const { control } = await this.#residents.load(row);
    const node = control.nodes[row.node];
    if (node?.status !== 'running') return undefined;
    const get = async (sha: string) => (await this.#files.get(row.tenant, sha)).bytes;
    const limit = graphIndex(control.graph).nodes.get(definitionId(row.node))?.timeout;
    const steps = Object.fromEntries(Object.entries(node.steps).filter(([, step]) => step.status === 'completed'));
    const waits = Object.fromEntries(Object.entries(control.waits).filter(([, wait]) => wait.node === row.node));
    const checkpoints = Object.fromEntries(
      Object.entries(node.checkpoints ?? {}).map(([key, saved]) => [key, { seq: saved.seq, state: saved.state }]),
    );
    const base = {
      run: row.run,
      node: row.node,
      attempt: node.attempt,
      task: row.task,
      workflow: control.workflow,
      tags: control.tags,
      leaseMs: this.#timings.lease,
      ...(node.version === undefined ? {} : { version: node.version }),
      ...(node.index === undefined ? {} : { index: node.index }),
      ...(control.owner === undefined ? {} : { owner: control.owner }),
      ...(limit === undefined ? {} : { timeoutMs: limit }),
    };
    const [input, journal] = await Promise.all([
      resolveBlobs(plainInput(control, row.node), get),
      resolveBlobs({ steps, waits, checkpoints }, get) as unknown as Promise<Journal>,
    ]);
    return { ...base, input, journal };
  }
}

function rowId(row: QueueRow): string {
  return `${row.tenant}/${row.run}/${row.node}`;
}
