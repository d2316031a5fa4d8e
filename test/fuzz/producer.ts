import type { Clock } from '@millrace/protocol';
import { MillraceError, type NewEvent } from '@millrace/protocol';
import type { Dice } from '../chaos/dice.ts';
import type { Mill } from './mill.ts';
import { TENANT } from './tokens.ts';
import type { Verdicts } from './verdicts.ts';

const caller = { tenant: TENANT, by: 'user:ada' };

/** The system that executes an external run: it appends in order, and repeats what was not answered. */
export class Producer {
  readonly run: string;
  /** texts of the log lines that were acknowledged */
  readonly acknowledged: string[] = [];
  readonly #mills: () => readonly Mill[];
  readonly #clock: Clock;
  readonly #dice: Dice;
  readonly #verdicts: Verdicts;
  /** what was acknowledged may be gone, and its place with it */
  #bereft = false;
  #term = 1;
  #sequence = 0;
  #lines = 0;
  #work: NewEvent[][] = [];
  #working = false;

  constructor(run: string, mills: () => readonly Mill[], clock: Clock, dice: Dice, verdicts: Verdicts) {
    this.run = run;
    this.#mills = mills;
    this.#clock = clock;
    this.#dice = dice;
    this.#verdicts = verdicts;
  }

  get idle(): boolean {
    return !this.#working;
  }

  /** A backup has replaced the history that it had written. */
  restored(): void {
    this.acknowledged.length = 0;
    this.#bereft = true;
  }

  /** Mostly log lines; the rest of its events other readers may see, and some that do not see the lines. */
  chat(count: number, bytes: number): void {
    this.tell(Array.from({ length: count }, () => this.#word(bytes)));
  }

  #word(bytes: number): NewEvent {
    const luck = this.#dice.next();
    if (luck < 0.1) return { type: 'run.progress', data: { progress: this.#dice.below(101) } };
    if (luck < 0.2) return { type: 'agent.token', node: 'a', data: { agentId: 'a0', messageId: 'm', text: 'word ' } };
    const message = `${this.run} line ${++this.#lines} ${'x'.repeat(bytes)}`;
    return { type: 'log', data: { level: 'info', message } };
  }

  tell(events: NewEvent[]): void {
    this.#work.push(events);
    if (this.#working) return;
    this.#working = true;
    void this.#append().finally(() => {
      this.#working = false;
    });
  }

  async #append(): Promise<void> {
    for (let events = this.#work.shift(); events; events = this.#work.shift()) {
      this.#sequence += 1;
      while (!(await this.#appendOnce(events))) await new Promise<void>((again) => this.#clock.after(200, again));
    }
  }

  /** true = there is nothing more to do about these events */
  async #appendOnce(events: NewEvent[]): Promise<boolean> {
    const mills = this.#mills();
    if (mills.length === 0) return false;
    const mill = this.#dice.pick(mills);
    const producer = { id: 'p', term: this.#term, sequence: this.#sequence };
    try {
      await Promise.race([mill.engine.append(caller, this.run, { events, producer }), mill.gone]);
      for (const event of events) if (event.type === 'log') this.acknowledged.push(event.data.message);
      return true;
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      if (error.code === 'producer_gap') {
        if (!this.#bereft) this.#verdicts.fault(`producer of ${this.run}`, `was told of a gap at ${this.#sequence}`);
        this.#bereft = false;
        this.#term += 1;
        this.#sequence = 1;
        return false;
      }
      if (error.row.retry) return false;
      this.#sequence -= 1;
      return true;
    }
  }
}
