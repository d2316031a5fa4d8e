import type { RunSummary } from '@millrace/protocol';

/**
 * Carries hints between the servers (and within one). **The log is the truth**: losing every message may cost
 * latency, never content. Delivery is at most once, in order per publisher; a listener must not throw.
 * Every topic but `topics.wake` starts with the tenant.
 *
 * Listeners of the publishing server hear a message before `publish` returns, and once. Those of other servers
 * hear it where the bus can carry it: one that cannot carry text leaves it out and may join neighbouring ranges of
 * a run; one that cannot carry rows says `wake` instead. Wherever messages may have been lost (a connection was
 * gone, a subscription has just begun to hold), `wake` is heard.
 */
export interface Bus {
  /** Called after a commit, once per flush, with everything that the flush wrote. */
  publish(messages: readonly BusMessage[]): void;
  /** The returned function ends the subscription. */
  subscribe(topic: string, listener: (message: BusMessage) => void): () => void;
  /** Why hints do not pass between servers at present, and what to do; undefined = they do. */
  trouble?(): string | undefined;
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
      /**
       * The events' JSON texts joined by ",", the very text that is stored; absent = read it from the store. It may be a
       * getter, also of the message's class, which puts it together when it is asked for.
       */
      text?: string;
      ended: boolean;
    }
  /** a run's row changed (control events only) */
  | { kind: 'row'; topic: string; tenant: string; row: RunSummary; queue?: string }
  /** there may be work for these tasks */
  | { kind: 'work'; topic: string; tenant: string }
  /** hints of any topic may have been lost: look in the store for what they would have told */
  | { kind: 'wake'; topic: typeof topics.wake };

/** "/" separates tenant and rest; a tenant's name holds none. */
export const topics = {
  run: (tenant: string, run: string) => `${tenant}/run/${run}`,
  rows: (tenant: string) => `${tenant}/rows`,
  work: (tenant: string) => `${tenant}/work`,
  wake: 'wake',
} as const;
