import type { RunSummary } from '@millrace/protocol';

/**
 * Carries hints between the servers (and within one). **The log is the truth**: losing every message may cost
 * latency, never content. Delivery is at most once, in order per publisher; a listener must not throw.
 * Every topic starts with the tenant.
 */
export interface Bus {
  /** Called after a commit, once per flush, with everything that the flush wrote. */
  publish(messages: readonly BusMessage[]): void;
  /** The returned function ends the subscription. */
  subscribe(topic: string, listener: (message: BusMessage) => void): () => void;
  close(): Promise<void>;
}

export type BusMessage =
  | {
      kind: 'events';
      topic: string;
      tenant: string;
      run: string;
      seq: number;
      through: number;
      /** the events' JSON texts joined by ",", the very text that is stored; absent = read it from the store */
      text?: string;
      ended: boolean;
    }
  /** a run's row changed (control events only) */
  | { kind: 'row'; topic: string; tenant: string; row: RunSummary; queue?: string }
  /** there may be work for these tasks */
  | { kind: 'work'; topic: string; tenant: string };

/** Separates tenant and rest; a tenant's name holds no "/". */
export const topics = {
  run: (tenant: string, run: string) => `${tenant}/run/${run}`,
  rows: (tenant: string) => `${tenant}/rows`,
  work: (tenant: string) => `${tenant}/work`,
} as const;
