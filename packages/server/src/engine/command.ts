import type { BlobRef, Json, LeaseRef, NewEvent, Producer, RunCommand } from '@millrace/protocol';

/** An event that was checked and written down before its command was queued: nothing about it can fail any more. */
export interface Prepared {
  event: NewEvent;
  /** its JSON text after `"at":…,`; see store.ts */
  text: string;
}

/** Everything that can be asked of one run's log. Decided by `decide`, one after the other. */
export type EngineCommand =
  | { type: 'create'; created: Prepared }
  /** the producer of an external run */
  | { type: 'append'; producer?: Producer; events: Prepared[] }
  /** the holder of a lease */
  | { type: 'attempt'; lease: LeaseRef; sequence: number; events: Prepared[] }
  | { type: 'start'; node: string; worker: string; boot: string; version?: string; lease: number }
  | { type: 'user'; by: string; command: RunCommand }
  | { type: 'evaluated'; node: string; outcome: Evaluated }
  | { type: 'lost'; node: string; attempt: number; reason: 'lease_expired' | 'fenced' | 'hung'; expiredAt: number }
  | DueCommand;

/** Commands that a due row carries: what a run owes its own future. All are idempotent. */
export type DueCommand =
  /** a retry's delay is over */
  | { type: 'requeue'; node: string; attempt: number }
  /** an attempt has used up its node's time limit */
  | { type: 'timeout'; node: string; attempt: number }
  | { type: 'wait-timeout'; wait: string; timeoutAt: number }
  /** the grace time of a stopping run is over */
  | { type: 'grace' }
  /** an expression has to be evaluated; handled by the engine, which answers with `evaluated` */
  | { type: 'evaluate'; node: string };

export type Evaluated =
  /** `input` undefined = there is no mapping; the node's default input stands */
  | { kind: 'input'; input: Json | BlobRef | undefined }
  | { kind: 'items'; items: Json[] | BlobRef; count: number }
  | { kind: 'skip' }
  | { kind: 'error'; code: string; message: string };
