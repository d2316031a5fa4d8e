import type { NewEvent, WorkflowDefinition } from '@millrace/protocol';
import type { SimulatedClock } from '../clock.ts';
import { Rig } from '../engine/engine.rig.ts';
import type { Store } from '../store/store.ts';
import { MemoryStore } from '../store/store-memory.ts';
import type { Sweep, SweepParts } from './periodic.ts';
import { defaultSweeps, type SweepOptions } from './sweep-options.ts';

export const job: WorkflowDefinition = { name: 'job', nodes: [{ id: 'a', task: 't' }] };
export const log: NewEvent = { type: 'log', data: { level: 'info', message: 'alive' } };
/**
 * Moves time step by step until `check` holds. A step's work is over before the next step: over a memory store it is
 * done in a few turns of the event loop.
 */
export async function stepUntil(clock: SimulatedClock, step: number, check: () => Promise<void>): Promise<void> {
  for (let n = 1; ; n += 1) {
    clock.advance(step);
    for (let turn = 0; turn < 12; turn += 1) await new Promise(setImmediate);
    try {
      return await check();
    } catch (error) {
      if (n === 1_000) throw error;
    }
  }
}

export const key = (run: string) => ({ tenant: 'default', run });

/** An engine whose sweeps a test calls by hand, so that it knows when one is over. */
export class SweepRig extends Rig {
  readonly failures: string[] = [];

  constructor(store: Store = new MemoryStore('e')) {
    super(store);
  }

  options(changes: Partial<SweepOptions> = {}): SweepOptions {
    return { ...defaultSweeps, ...changes };
  }

  get parts(): SweepParts {
    return {
      store: this.store,
      engine: this.engine,
      now: () => this.clock.now(),
      failed: (sweep) => this.failures.push(sweep),
    };
  }

  /** A whole round; answers in how many pieces. */
  async round(sweep: Sweep): Promise<number> {
    let pieces = 1;
    while (await sweep.run()) pieces += 1;
    return pieces;
  }
}
