import {
  type errors,
  isTerminal,
  type NewEvent,
  type Refusal,
  type RunMove,
  type RunState,
  runMovesFrom,
  runTable,
} from '@millrace/protocol';
import type { ProducerChange, ProducerState } from '../store/store.ts';
import type { Prepared } from './command.ts';

/** What a decision may look at beside the control view. */
export interface DecideContext {
  now: number;
  /** ms that attempts have to stop by themselves */
  grace: number;
  /** makes a run's id */
  newId: () => string;
  /** the state of the command's own producer; undefined = it never appended to this run */
  producer: ProducerState | undefined;
}

export type Outcome =
  | {
      kind: 'write';
      /** plain events are written down by the engine; prepared ones already are */
      events: (NewEvent | Prepared)[];
      producer?: Omit<ProducerChange, 'was' | 'last'>;
      /** what the caller is told beside the seq */
      result?: unknown;
      /** the part holds only while this lease is expired at `at` */
      expired?: { node: string; attempt: number; at: number };
    }
  /** the command has been carried out before; nothing is to be written */
  | { kind: 'repeat'; seq: number }
  /** nothing is to be done any more */
  | { kind: 'nothing' }
  | { kind: 'refuse'; refusal: Refusal };

export function write(events: (NewEvent | Prepared)[], rest: { result?: unknown } = {}): Outcome {
  return { kind: 'write', events, ...rest };
}

export function refuse(code: keyof typeof errors, detail?: string, facts?: Record<string, unknown>): Outcome {
  return {
    kind: 'refuse',
    refusal: { code, ...(detail === undefined ? {} : { detail }), ...(facts ? { facts } : {}) },
  };
}

export function refuseTransition(what: string, from: RunState, to: RunMove): Outcome {
  if (isTerminal(from))
    return refuse('run_ended', `The run is ${from}; ${what} is not possible any more.`, { status: from });
  const allowed = runMovesFrom(from);
  return refuse(
    'invalid_transition',
    `A run that is ${from} cannot take ${to}; from here it can become ${allowed.join(', ')}.`,
    {
      from,
      to: runTable.running[to] ?? to,
      allowed,
    },
  );
}
