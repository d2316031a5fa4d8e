import type { NewEvent, WorkflowDefinition } from '@millrace/protocol';
import { Rig } from '../engine/engine.rig.ts';
import type { Store } from '../store/store.ts';
import { MemoryStore } from '../store/store-memory.ts';
import type { Sweep, SweepParts } from './periodic.ts';
import { defaultSweeps, type SweepOptions } from './sweep-options.ts';

export const job: WorkflowDefinition = { name: 'job', nodes: [{ id: 'a', task: 't' }] };
export const log: NewEvent = { type: 'log', data: { level: 'info', message: 'alive' } };
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
