import { type Clock, MillraceError, type NewEvent } from '@millrace/protocol';
import { type ChannelChange, channelEvents, sourceNames } from '@millrace/protocol/dialects/channels-source';
import { uuidv7 } from 'uuidv7';
import { systemClock } from '../clock.ts';
import type { Caller, Engine } from '../engine/face.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { isRefusal, pause, type SourceReport } from './source.ts';
import { createReport, type WarnLog } from './source-report.ts';

export interface EventBridgeOptions {
  /** emits `node:started` and the other seventeen, each with one object */
  emitter: {
    on(name: string, listener: (data: unknown) => void): unknown;
    off(name: string, listener: (data: unknown) => void): unknown;
  };
  /** whose logs the events are written to */
  server: {
    engine: Pick<Engine, 'create' | 'control' | 'append' | 'command'>;
    metrics: Metrics;
    log: WarnLog;
    /** so that nothing is lost when the server closes */
    onClose(step: () => Promise<unknown>): void;
  };
  /** default: `default` */
  tenant?: string;
  clock?: Clock;
}

/** Carries what an emitter of this process emits into external runs, and so to everybody who follows them. */
export interface EventBridge {
  /** The run of an execution that is under way; undefined = nothing of it was written yet, or it has ended. */
  run(executionId: string): string | undefined;
  /** Resolves when everything that was emitted so far is written or refused. */
  settled(): Promise<void>;
  /** Listens no more, and resolves when everything that was emitted is written or refused. */
  close(): Promise<void>;
}

/** ms between two tries of what the store could not take */
const PAUSE_MS = 250;

/**
 * Each execution's events are written in the order in which they were emitted, each once. `executionId` is the id
 * of an external run, or a name of the emitter's own: then `execution:started`, which names the workflow, makes the run.
 * What is malformed, or refused by the run's state, is logged, counted (`source_refused_total`) and left out; what the
 * store cannot take now waits, and with it what came after it.
 */
export function createEventBridge(options: EventBridgeOptions): EventBridge {
  const bridge = new Bridge(options);
  bridge.open();
  options.server.onClose(() => bridge.close());
  return bridge;
}

interface Execution {
  id: string;
  run?: string;
  /** appends so far */
  sequence: number;
  tail: Promise<void>;
}

class Bridge implements EventBridge {
  readonly #options: EventBridgeOptions;
  readonly #tenant: string;
  readonly #caller: Caller;
  readonly #clock: Clock;
  readonly #report: SourceReport;
  /** names the appends of this bridge */
  readonly #id = `bridge-${uuidv7()}`;
  readonly #executions = new Map<string, Execution>();
  readonly #listeners = new Map<string, (data: unknown) => void>();

  constructor(options: EventBridgeOptions) {
    this.#options = options;
    this.#tenant = options.tenant ?? 'default';
    this.#caller = { tenant: this.#tenant, by: 'worker:bridge' };
    this.#clock = options.clock ?? systemClock;
    this.#report = createReport('emitter', options.server.metrics, options.server.log);
  }

  open(): void {
    for (const name of sourceNames) {
      const listener = (data: unknown) => this.#hear(name, data);
      this.#listeners.set(name, listener);
      this.#options.emitter.on(name, listener);
    }
  }

  run(executionId: string): string | undefined {
    return this.#executions.get(executionId)?.run;
  }

  async settled(): Promise<void> {
    await Promise.all([...this.#executions.values()].map(({ tail }) => tail));
  }

  async close(): Promise<void> {
    for (const [name, listener] of this.#listeners) this.#options.emitter.off(name, listener);
    this.#listeners.clear();
    await this.settled();
  }

  #hear(name: string, data: unknown): void {
    let told: unknown;
    let executionId: string;
    try {
      // As it is now: whoever emitted it may go on to change it.
      told = JSON.parse(JSON.stringify(data) ?? 'null');
      ({ executionId } = channelEvents(name, told));
    } catch (error) {
      return this.#report.refused(name, error);
    }
    const execution = this.#executions.get(executionId) ?? { id: executionId, sequence: 0, tail: Promise.resolve() };
    this.#executions.set(executionId, execution);
    execution.tail = execution.tail.then(() => this.#write(execution, name, told));
  }

  async #write(execution: Execution, name: string, data: unknown): Promise<void> {
    try {
      await this.#decide(execution, name, data).catch((error: unknown) => {
        // The engine may have moved the node on meanwhile, as when a retry falls due: it is decided once more.
        if (!(error instanceof MillraceError) || error.code !== 'invalid_transition') throw error;
        return this.#decide(execution, name, data);
      });
    } catch (error) {
      this.#report.refused(name, error);
    }
  }

  async #decide(execution: Execution, name: string, data: unknown): Promise<void> {
    const change = await this.#persist(() => this.#change(execution, name, data));
    await this.#persist(() => this.#append(execution, change.events));
    await this.#persist(() => this.#give(execution, change.command));
  }

  /** Until it is done, or refused for ever. */
  async #persist<T>(act: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await act();
      } catch (error) {
        if (isRefusal(error)) throw error;
        this.#report.delayed(error);
        await pause(this.#clock, PAUSE_MS);
      }
    }
  }

  async #change(execution: Execution, name: string, data: unknown): Promise<ChannelChange> {
    const { engine } = this.#options.server;
    execution.run ??= await this.#find(channelEvents(name, data));
    const found = await engine.control({ tenant: this.#tenant, run: execution.run });
    return channelEvents(name, data, found?.control);
  }

  /** The same events under the same number, however often it is tried: so they are written once. */
  async #append(execution: Execution, events: NewEvent[]): Promise<void> {
    if (events.length === 0) return;
    const producer = { id: this.#id, term: 0, sequence: execution.sequence + 1 };
    const { id, run = id } = execution;
    await this.#options.server.engine.append(this.#caller, run, { events, producer });
    execution.sequence = producer.sequence;
    if (events.some(isEnd)) this.#executions.delete(id);
  }

  async #give({ id, run = id }: Execution, command: ChannelChange['command']): Promise<void> {
    if (command) await this.#options.server.engine.command(this.#caller, run, command);
  }

  /** Errors: run_not_found where it names no workflow to make a run of. */
  async #find({ executionId, userId, workflowId }: ChannelChange): Promise<string> {
    const { engine } = this.#options.server;
    if (await engine.control({ tenant: this.#tenant, run: executionId })) return executionId;
    if (workflowId === undefined) {
      throw new MillraceError('run_not_found', {
        detail: `The execution "${executionId.slice(0, 100)}" was never started.`,
      });
    }
    const caller = { tenant: this.#tenant, by: userId === undefined ? 'system' : `user:${userId}` };
    const made = await engine.create(caller, { workflow: workflowId, external: true }, `execution/${executionId}`);
    return made.id;
  }
}

const isEnd = ({ type }: NewEvent) => /^run\.(completed|failed|cancelled)$/.test(type);
