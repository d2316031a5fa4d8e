import {
  type Assignment,
  emptyControl,
  foldControl,
  isControl,
  type LeaseRef,
  type NewEvent,
  type RunEvent,
  type WorkflowDefinition,
} from '@millrace/protocol';
import { LocalBus } from '../bus/bus-local.ts';
import { SimulatedClock } from '../clock.ts';
import type { Files } from '../files/files.ts';
import { noMetrics } from '../metrics/metrics.ts';
import { Scheduler } from '../scheduler/scheduler.ts';
import type { Store } from '../store/store.ts';
import { createEngine } from './engine.ts';
import type { Caller, Engine } from './face.ts';
import { defaultTimings } from './timings.ts';

/** A user and a worker of the same tenant. */
export const ada: Caller = { tenant: 'default', by: 'user:ada' };
export const mill: Caller = { tenant: 'default', by: 'worker:mill' };

/** Blobs in a map, for tests that are not about files. */
export function mapFiles(): Files {
  const blobs = new Map<string, { bytes: Uint8Array; type: string }>();
  return {
    async put(_tenant, bytes, type) {
      const name = nameOf(bytes);
      blobs.set(name, { bytes, type });
      return { $blob: name, bytes: bytes.length, type };
    },
    async get(_tenant, sha256) {
      return blobs.get(sha256) as { bytes: Uint8Array; type: string };
    },
  };
}

function nameOf(bytes: Uint8Array): string {
  return `blob-${bytes.length}-${bytes[0]}-${bytes.at(-1)}`;
}

export interface RigOptions {
  clock?: SimulatedClock;
  boot?: string;
  expressions?: { timeout?: number; memory?: number };
  createRate?: { limit: number; per: number };
  files?: Files;
}

/** One server's engine and scheduler over a store, on a clock that the test moves. */
export class Rig {
  readonly clock: SimulatedClock;
  readonly bus = new LocalBus();
  readonly engine: Engine;
  readonly scheduler: Scheduler;
  readonly store: Store;
  readonly boot: string;
  #sequences = new Map<string, number>();
  #ids = 0;

  constructor(store: Store, options: RigOptions = {}) {
    this.store = store;
    this.clock = options.clock ?? new SimulatedClock();
    this.boot = options.boot ?? 'boot-1';
    this.engine = createEngine({
      store,
      bus: this.bus,
      files: options.files ?? mapFiles(),
      clock: this.clock,
      metrics: noMetrics,
      server: this.boot,
      newId: () => `run-${this.boot}-${String(++this.#ids).padStart(4, '0')}`,
      ...(options.expressions ? { expressions: options.expressions } : {}),
      ...(options.createRate ? { createRate: options.createRate } : {}),
    });
    this.scheduler = new Scheduler({
      store,
      engine: this.engine,
      clock: this.clock,
      metrics: noMetrics,
      boot: this.boot,
      lease: defaultTimings.lease,
    });
  }

  async worker(id: string, tasks: string[], workflows: WorkflowDefinition[] = [], local = false): Promise<void> {
    await this.engine.register(
      mill,
      { id, tasks: tasks.map((name) => ({ name })), workflows, concurrency: 10 },
      { boot: local ? this.boot : '' },
    );
  }

  /** What can be claimed now. */
  claim(worker: string, limit = 10): Promise<Assignment[]> {
    return this.engine.claim(mill, { worker, limit, wait: 0 });
  }

  append(lease: LeaseRef, ...events: NewEvent[]): Promise<{ seq: number; repeated?: boolean }> {
    const id = `${lease.run}/${lease.node}/${lease.attempt}`;
    const sequence = (this.#sequences.get(id) ?? 0) + 1;
    this.#sequences.set(id, sequence);
    return this.engine.appendAttempt(mill, lease, sequence, events).catch((error: unknown) => {
      this.#sequences.set(id, sequence - 1);
      throw error;
    });
  }

  /** The whole log, as it is stored. */
  async log(run: string): Promise<RunEvent[]> {
    const page = await this.store.readLog({ tenant: 'default', run }, 0, { events: 100_000, bytes: 1e9 });
    return JSON.parse(`[${page?.text ?? ''}]`) as RunEvent[];
  }

  async types(run: string): Promise<string[]> {
    return (await this.log(run)).map((event) =>
      event.node === undefined ? event.type : `${event.type} ${event.node}`,
    );
  }

  /** The fold of the stored log, which must be what the engine holds. */
  async control(run: string) {
    const events = await this.log(run);
    return events
      .filter((event) => isControl(event.type))
      .reduce((control, event) => foldControl(control, event), emptyControl(run));
  }
}

export const done = (output: unknown = null): NewEvent => ({
  type: 'node.completed',
  data: { output: output as never },
});

export const failed = (message = 'no'): NewEvent => ({
  type: 'node.failed',
  data: { error: { code: 'task_failed', message } },
});

/** Registers the workflow with the worker `w` and starts a run of it for Ada. */
export async function start(world: Rig, definition: WorkflowDefinition, request: object = {}): Promise<string> {
  const tasks = [...new Set(definition.nodes.flatMap((node) => node.task ?? []))];
  await world.worker('w', tasks, [definition]);
  return (await world.engine.create(ada, { workflow: definition.name, ...request })).id;
}

export const startWith = (world: Rig, definition: WorkflowDefinition, input: unknown = null): Promise<string> =>
  start(world, definition, { input });
