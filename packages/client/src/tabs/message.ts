import type { Problem } from '@millrace/protocol/error-code';
import type { ClientFrame, ServerFrame } from '@millrace/protocol/frame';
import type { Policy } from '../policy.ts';

/** Raised when tabs and a worker of another version could not talk any more; it is part of the worker's name. */
export const TAB_WIRE = 1;

/** What a tab asks for; the worker's name holds the rest. */
export interface TabSetup {
  url: string;
  policy: Policy;
}

/** Tab → worker, over the port of one session. Frames are those of the native wire. */
export type TabMessage =
  | { type: 'open'; setup: TabSetup }
  | { type: 'frame'; frame: ClientFrame }
  /** that much of what was sent has been taken */
  | { type: 'taken'; weight: number }
  | { type: 'lock'; name: string }
  | { type: 'close' };

/** Worker → tab. */
export type WorkerMessage =
  | { type: 'frames'; frames: ServerFrame[]; weight: number }
  | { type: 'lock'; name: string }
  /** the session is over; another begins on another port */
  | { type: 'closed'; refused?: boolean; retryAfter?: number; problem?: Problem };
