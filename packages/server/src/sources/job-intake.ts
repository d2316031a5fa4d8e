import {
  type ControlView,
  isTerminal,
  MillraceError,
  type Producer,
  type PublicStatus,
  publicStatus,
  type StatusDetail,
} from '@millrace/protocol';
import { type JobMessage, jobEvents } from '@millrace/protocol/dialects/jobs-source';
import type { Caller, Engine } from '../engine/face.ts';

/** Who published, and which of its messages about this job it is, from 1. */
export interface Publication {
  id: string;
  sequence: number;
}

export interface JobReceipt {
  /** the job's state now: a publisher of a paused or cancelled job learns it here */
  state: PublicStatus;
  /** `cancelling`: it is to stop, and to say `cancelled` when it has */
  detail?: StatusDetail;
  /** true = this message had been taken before; nothing was written now */
  repeated: boolean;
}

/** How far a producer has got in a run. */
export type ProducerLookup = (
  run: { tenant: string; run: string },
  producer: string,
) => Promise<Pick<Producer, 'term' | 'sequence'> | undefined>;

interface Options {
  engine: Pick<Engine, 'control' | 'append' | 'command'>;
  producer: ProducerLookup;
  skipped(messages: number): void;
}

/** tries of a message that another server takes at the same time */
const TRIES = 3;

/**
 * Takes what publishers say of their jobs. A publisher numbers its messages about a job; a repeat is not written again.
 * What it sent and never arrived is not waited for: a producer's term is the number of messages that were
 * given up before, so that its numbers go on behind the hole.
 */
export class JobIntake {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Resolves after the commit. Errors: run_not_found, event_not_allowed (our own workers execute the job), forbidden
   * (the job is another user's), invalid_transition, run_ended, event_invalid.
   */
  async take(caller: Caller, message: JobMessage, from?: Publication): Promise<JobReceipt> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#take(caller, message, from);
      } catch (error) {
        const raced = error instanceof MillraceError && /^(producer_gap|stale_producer)$/.test(error.code);
        if (!raced || tries === TRIES) throw error;
      }
    }
  }

  async #take(caller: Caller, message: JobMessage, from: Publication | undefined): Promise<JobReceipt> {
    const { engine, skipped } = this.#options;
    const key = { tenant: caller.tenant, run: message.jobId };
    const found = await engine.control(key);
    if (!found)
      throw new MillraceError('run_not_found', { detail: `There is no job "${message.jobId.slice(0, 100)}".` });
    const { control } = found;
    const known = from && (await this.#options.producer(key, from.id));
    const taken = known ? known.term + known.sequence : 0;
    if (from && from.sequence <= taken) return receiptOf(control, true);
    if (!control.external) {
      throw new MillraceError('event_not_allowed', {
        detail: `Our own workers execute the job ${key.run}; what it does is told by its task's context.`,
      });
    }
    if (control.owner !== undefined && control.owner !== message.userId) {
      throw new MillraceError('forbidden', { detail: `The job ${key.run} is not the user's that the message names.` });
    }
    if (isTerminal(control.status)) {
      throw new MillraceError('run_ended', {
        detail: `The job is ${control.status}.`,
        facts: { status: control.status },
      });
    }
    const { events, command } = jobEvents(control, message);
    if (command) {
      // First, so that it is not forgotten where the append succeeds and it does not; by its key it is given once.
      await engine.command(caller, key.run, command, from ? { key: `${from.id}/${from.sequence}` } : {});
    }
    const hole = from ? from.sequence - taken - 1 : 0;
    if (events.length > 0) {
      const producer = from && {
        id: from.id,
        ...(hole === 0
          ? { term: known?.term ?? 0, sequence: (known?.sequence ?? 0) + 1 }
          : { term: from.sequence - 1, sequence: 1 }),
      };
      await engine.append(caller, key.run, { events, ...(producer ? { producer } : {}) });
      if (hole > 0) skipped(hole);
    }
    const after = (await engine.control(key))?.control ?? control;
    return receiptOf(after, false);
  }
}

function receiptOf(control: ControlView, repeated: boolean): JobReceipt {
  const { status: state, detail } = publicStatus(control);
  return { state, ...(detail === undefined ? {} : { detail }), repeated };
}
