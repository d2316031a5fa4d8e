import { type LeaseState, MillraceError, type WorkerRegistration } from '@millrace/protocol';
import type { WorkerInfo } from './face.ts';

interface Entry extends WorkerRegistration {
  tenant: string;
  boot: string;
  lastSeen: number;
  leases: number;
}

/** The workers that this server has heard of, and who listens to their signals. */
export class Workers {
  readonly #workers = new Map<string, Entry>();
  readonly #listeners = new Map<string, Set<(signal: LeaseState) => void>>();

  put(tenant: string, registration: WorkerRegistration, boot: string, now: number): void {
    const leases = this.#workers.get(id(tenant, registration.id))?.leases ?? 0;
    this.#workers.set(id(tenant, registration.id), { ...registration, tenant, boot, lastSeen: now, leases });
  }

  /** Errors: not_found, and the worker then registers again. */
  seen(tenant: string, worker: string, now: number, leases?: number): Entry {
    const entry = this.#workers.get(id(tenant, worker));
    if (!entry) {
      throw new MillraceError('not_found', {
        detail: `The worker "${worker}" is not registered here; register it again.`,
        facts: { worker },
      });
    }
    entry.lastSeen = now;
    if (leases !== undefined) entry.leases = leases;
    return entry;
  }

  list(tenant: string): WorkerInfo[] {
    return [...this.#workers.values()]
      .filter((worker) => worker.tenant === tenant)
      .map(({ id, tasks, concurrency, lastSeen, leases, boot }) => ({
        id,
        tasks,
        concurrency,
        lastSeen,
        leases,
        local: boot !== '',
      }));
  }

  onSignal(tenant: string, worker: string, listener: (signal: LeaseState) => void): () => void {
    const key = id(tenant, worker);
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(key);
    };
  }

  signal(tenant: string, worker: string, state: LeaseState): void {
    for (const listener of this.#listeners.get(id(tenant, worker)) ?? []) listener(state);
  }
}

function id(tenant: string, worker: string): string {
  return `${tenant}/${worker}`;
}
