import type { BlobRef, Json, LeaseRef, NewEvent, Producer, RunCommand, RunError } from '@millrace/protocol';

/** An event that was checked and written down before its command was queued: nothing about it can fail any more. */
export interface Prepared {
  event: NewEvent;
  /** its JSON text after `"at":…,`; see store.ts */
  text: string;
}

/** Everything that can be asked of one run's log. Decided by `decide`, one after the other. */
export type EngineCommand =
  /** `inherited`: results that retry or fork copies from an ancestor */
  | { type: 'create'; created: Prepared; inherited?: Prepared[] }
  /** the producer of an external run */
  | { type: 'append'; producer?: Producer; events: Prepared[] }
  /** the holder of a lease */
  | { type: 'attempt'; lease: LeaseRef; sequence: number; events: Prepared[] }
  | { type: 'start'; node: string; worker: string; boot: string; version?: string; lease: number }
  | UserCommand
  | { type: 'evaluated'; node: string; outcome: Evaluated }
  /** `expiredAt`: nothing happens where the lease was renewed meanwhile; without it the lease does not matter */
  | { type: 'lost'; node: string; attempt: number; reason: 'lease_expired' | 'fenced' | 'hung'; expiredAt?: number }
  /** the scheduler ends a run that nobody drives any more */
  | { type: 'end'; outcome: 'failed' | 'cancelled'; code: string; message: string; only?: 'created' | 'external' }
  | DueCommand;

export interface UserCommand {
  type: 'user';
  by: string;
  command: RunCommand;
  /** seq of the last control event that the user had seen */
  ctl?: number;
  /** the idempotency key, and the number that its command hashes to */
  key?: { id: string; hash: number };
}

/** Commands that a due row carries: what a run owes its own future, or another run. All are idempotent. */
export type DueCommand =
  /** a retry's delay is over */
  | { type: 'requeue'; node: string; attempt: number }
  /** an attempt has used up its node's time limit */
  | { type: 'timeout'; node: string; attempt: number }
  | { type: 'wait-timeout'; wait: string; timeoutAt: number }
  /** the grace time of a pausing or stopping run is over */
  | { type: 'grace' }
  /** nobody claimed the run in its time to live */
  | { type: 'ttl' }
  /** the parent stops */
  | { type: 'cancel'; reason: string }
  | {
      type: 'child-ended';
      child: string;
      run: string;
      outcome: 'completed' | 'failed' | 'cancelled';
      output?: Json | BlobRef;
      error?: RunError;
    }
  /** an expression has to be evaluated; carried out by the engine, which answers with `evaluated` */
  | { type: 'evaluate'; node: string }
  /** a child run has to be created; carried out by the engine */
  | { type: 'spawn'; child: string; input?: Json | BlobRef };

export type Evaluated =
  /** `input` undefined = there is no mapping; the node's default input stands */
  | { kind: 'input'; input: Json | BlobRef | undefined }
  | { kind: 'items'; items: Json[] | BlobRef; count: number }
  | { kind: 'skip' }
  | { kind: 'error'; code: string; message: string };
