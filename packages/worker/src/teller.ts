import { AsyncLocalStorage } from 'node:async_hooks';
import type { EventData, EventType, LeaseRef, NewEvent } from '@millrace/protocol';
import type { Appender } from './appender.ts';
import type { Replay } from './replay.ts';

/** An event of any type, without its place. */
export type Told = { [T in EventType]: { type: T; data: EventData[T] } }[EventType];

/** Gives an attempt's events their place (node, attempt, the step they are told in) and hands them to the appender. */
export class Teller {
  readonly #lease: LeaseRef;
  readonly #appender: Appender;
  readonly #replay: Replay;
  readonly #step = new AsyncLocalStorage<string>();

  constructor(lease: LeaseRef, appender: Appender, replay: Replay) {
    this.#lease = lease;
    this.#appender = appender;
    this.#replay = replay;
  }

  /** The step that is being executed here, if one is. */
  get step(): string | undefined {
    return this.#step.getStore();
  }

  /** What is told outside of steps during a replay has been told before. */
  get silent(): boolean {
    return this.step === undefined && this.#replay.silent;
  }

  within<T>(step: string, fn: () => T): T {
    return this.#step.run(step, fn);
  }

  /** Writes what decides: resolves once it is in the log, with its place. */
  write(told: Told, options?: { ends?: boolean }): Promise<number> {
    return this.#appender.push([this.#place(told)], options);
  }

  /** Writes what decides of a step that is executed here or there. */
  writeOf(step: string, { type, data }: Told): Promise<number> {
    const { node, attempt } = this.#lease;
    return this.#appender.push([{ type, node, attempt, step, data } as NewEvent]);
  }

  /** Tells what only tells; where the log refuses it, that is told instead. */
  tell(told: Told): void {
    if (this.silent) return;
    this.write(told).catch((error: unknown) => {
      if (told.type === 'error') return;
      this.tell({
        type: 'error',
        data: { code: 'event_invalid', message: `An event ${told.type} was refused. ${String(error)}` },
      });
    });
  }

  /** Resolves when a stream may go on telling. */
  room(): Promise<void> {
    return this.#appender.room();
  }

  #place({ type, data }: Told): NewEvent {
    const step = this.step;
    const { node, attempt } = this.#lease;
    return { type, node, attempt, ...(step === undefined ? {} : { step }), data } as NewEvent;
  }
}
