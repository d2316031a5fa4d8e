import { MillraceError } from '@millrace/protocol/error-code';
import { isAnswer } from './answer.ts';
import type { CommandAnswer } from './api.ts';
import {
  type CommandQueue,
  expired,
  find,
  type Given,
  give,
  hold,
  isSame,
  keep,
  nextExpiry,
  type PendingCommand,
  remove,
  send,
  taken,
} from './command-queue.ts';
import type { CommandWays } from './commands.ts';
import { unreachable } from './problem.ts';
import type { Listeners } from './store.ts';

/** ms for which a taken command is shown where no view tells of its event */
const SENT_FOR = 10_000;
/** ms between two tries where the connection is up and yet nothing comes through */
const TRY_AGAIN = 1_000;

/** ms without an answer after which it counts as lost, and is sent again under its key */
const SILENCE = 30_000;

export interface CommandLink extends Pick<CommandWays, 'clock' | 'connection'> {
  /** Sends it. Rejects with `unreachable` or `shutting_down` where nobody has decided it. */
  deliver(command: PendingCommand): Promise<CommandAnswer>;
}

/** Over the connection where it is up; where it is not, or ends before the answer, over HTTP with the same key. */
export function deliverBy({ exchange, api }: Pick<CommandWays, 'exchange' | 'api'>): CommandLink['deliver'] {
  return async ({ run, command, key, ctl }) => {
    try {
      const answer = await exchange.ask({ type: 'command', run, command, key, ...(ctl !== undefined && { ctl }) });
      if (answer) return { seq: answer.head, ...(answer.result !== undefined && { result: answer.result }) };
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'unreachable') throw error;
    }
    return api.command(run, command, key, ctl);
  };
}

interface Waiting {
  promise: Promise<CommandAnswer>;
  resolve(answer: CommandAnswer): void;
  reject(error: unknown): void;
  isSending: boolean;
}

/** Delivers commands, and keeps the queue of those that the log does not tell of yet. */
export class CommandDelivery {
  readonly #link: CommandLink;
  readonly #listeners: Listeners;
  readonly #waiting = new Map<string, Waiting>();
  /** what takes back the end of a sent one */
  readonly #fading = new Map<string, () => void>();
  /** by run, the end of the last delivery that has its turn */
  readonly #last = new Map<string, Promise<void>>();
  #queue: CommandQueue = [];
  #cancelTimer = () => {};

  constructor(link: CommandLink, listeners: Listeners) {
    this.#link = link;
    this.#listeners = listeners;
  }

  getSnapshot(): CommandQueue {
    return this.#queue;
  }

  /**
   * Resolves when the server has taken it. Rejects with what the server says, with `idempotency_conflict` where the key
   * was given another command, and with `command_dropped` where it expired in the queue or was taken back.
   */
  give(given: Given): Promise<CommandAnswer> {
    const known = find(this.#queue, given.run, given.key);
    const before = known && this.#waiting.get(idOf(known));
    if (known && before) {
      if (isSame(known.command, given.command)) return before.promise;
      const detail = 'This key was used with another command.';
      return Promise.reject(new MillraceError('idempotency_conflict', { detail }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<CommandAnswer>();
    this.#waiting.set(idOf(given), { promise, resolve, reject, isSending: false });
    this.#set(give(this.#queue, given, this.#link.clock.now()));
    this.#inTurn(given);
    return promise;
  }

  /** A queued command is to be sent however late the connection comes back. */
  confirm({ run, key }: PendingCommand): void {
    const entry = find(this.#queue, run, key);
    if (entry?.state === 'queued') this.#set(keep(this.#queue, entry));
  }

  /** Takes a queued command back. */
  takeBack({ run, key }: PendingCommand): void {
    const entry = find(this.#queue, run, key);
    if (entry?.state === 'queued') this.#drop(entry, 'It was taken back', { takenBack: true });
  }

  /** A view shows the event that it wrote. */
  shown(entry: PendingCommand): void {
    if (find(this.#queue, entry.run, entry.key)?.state !== 'sent') return;
    this.#fading.get(idOf(entry))?.();
    this.#fading.delete(idOf(entry));
    this.#set(remove(this.#queue, entry));
  }

  /** The connection is up again: what waits is sent, of each run one after the other. */
  resend(): void {
    for (const entry of this.#queue) if (entry.state === 'queued') this.#inTurn(entry);
  }

  /** One after the other, as they were given, for each was meant for the state that those before it make; answers at once. */
  #inTurn(entry: Given): void {
    const deliver = () => this.#deliver(entry);
    const before = isAnswer(entry.command) ? undefined : this.#last.get(entry.run);
    const turn = before?.then(deliver, deliver) ?? deliver();
    const done = () => {
      if (this.#last.get(entry.run) === turn) this.#last.delete(entry.run);
    };
    if (!isAnswer(entry.command)) this.#last.set(entry.run, turn);
    turn.then(done, done);
  }

  async #deliver({ run, key }: Pick<Given, 'run' | 'key'>): Promise<void> {
    const entry = find(this.#queue, run, key);
    const waiting = entry && this.#waiting.get(idOf(entry));
    if (!entry || !waiting || waiting.isSending) return;
    waiting.isSending = true;
    if (entry.state === 'queued') this.#set(send(this.#queue, entry));
    let cancel = () => {};
    const silence = new Promise<never>((_, reject) => {
      cancel = this.#link.clock.after(SILENCE, () => reject(unreachable('No answer came.')));
    });
    try {
      const answer = await Promise.race([this.#link.deliver(entry), silence]);
      this.#waiting.delete(idOf(entry));
      this.#taken(entry, answer.seq);
      waiting.resolve(answer);
    } catch (error) {
      waiting.isSending = false;
      if (!isUndecided(error) || this.#link.connection() === 'off') return this.#end(entry, error);
      this.#set(hold(this.#queue, entry));
      if (this.#link.connection() === 'up') this.#link.clock.after(TRY_AGAIN, () => this.resend());
    } finally {
      cancel();
    }
  }

  #taken(entry: PendingCommand, seq: number | undefined): void {
    if (seq === undefined || this.#listeners.size === 0) return this.#set(remove(this.#queue, entry));
    this.#fading.set(
      idOf(entry),
      this.#link.clock.after(SENT_FOR, () => this.shown(entry)),
    );
    this.#set(taken(this.#queue, entry, seq));
  }

  #drop(entry: PendingCommand, why: string, facts?: { takenBack: true }): void {
    this.#end(entry, new MillraceError('command_dropped', { detail: `${why} before the server answered.`, facts }));
  }

  #end(entry: PendingCommand, error: unknown): void {
    const waiting = this.#waiting.get(idOf(entry));
    this.#waiting.delete(idOf(entry));
    this.#set(remove(this.#queue, entry));
    waiting?.reject(error);
  }

  #set(queue: CommandQueue): void {
    this.#queue = queue;
    this.#cancelTimer();
    const next = nextExpiry(queue);
    const { clock } = this.#link;
    this.#cancelTimer = next < Infinity ? clock.after(Math.max(0, next - clock.now()), () => this.#expire()) : () => {};
    this.#listeners.tell();
  }

  #expire(): void {
    for (const entry of expired(this.#queue, this.#link.clock.now())) {
      this.#drop(entry, 'It waited 60 s for the connection, and was let go');
    }
  }
}

function isUndecided(error: unknown): boolean {
  return error instanceof MillraceError && (error.code === 'unreachable' || error.code === 'shutting_down');
}

function idOf({ run, key }: Pick<Given, 'run' | 'key'>): string {
  return `${key} ${run}`;
}
