import type { RunCommand } from '@millrace/protocol/frame';
import { isAnswer } from './answer.ts';

/** A command between the moment in which it was given and the log's word for it. */
export interface PendingCommand {
  readonly run: string;
  /** its idempotency key: however often it is sent, it happens once */
  readonly key: string;
  readonly command: RunCommand;
  /** seq of the last control event that its giver had seen; the server refuses it as `outdated` where the run has moved on */
  readonly ctl: number | undefined;
  /** when it was given, ms since the epoch */
  readonly at: number;
  /** `sending`: the answer is on its way; `queued`: it waits for the connection; `sent`: taken, and not yet in the view */
  readonly state: 'sending' | 'queued' | 'sent';
  /** true = it waits for as long as it takes: an answer to a wait, or confirmed */
  readonly isKept: boolean;
  /** of a queued one, when it is let go, ms since the epoch; undefined = never */
  readonly expiresAt: number | undefined;
  /** of one that was sent, the event that it wrote */
  readonly seq: number | undefined;
}

/** ms after which a queued command is let go, from when it was given: by then its giver looks at another run */
export const QUEUE_LIMIT = 60_000;

/** Oldest first. Every function gives a new queue and leaves the old one as it was. */
export type CommandQueue = readonly PendingCommand[];

export type Given = Pick<PendingCommand, 'run' | 'key' | 'command' | 'ctl'>;

export function find(queue: CommandQueue, run: string, key: string): PendingCommand | undefined {
  return queue.find((entry) => entry.run === run && entry.key === key);
}

/** Whether two commands under one key are one: the server takes the key for no other. */
export function isSame(one: RunCommand, other: RunCommand): boolean {
  const text = (command: RunCommand) => JSON.stringify(Object.entries(command).sort(([a], [b]) => (a < b ? -1 : 1)));
  return text(one) === text(other);
}

export function give(queue: CommandQueue, given: Given, now: number): CommandQueue {
  const isKept = isAnswer(given.command);
  return [...queue, { ...given, at: now, state: 'sending', isKept, expiresAt: undefined, seq: undefined }];
}

function change(queue: CommandQueue, entry: PendingCommand, news: Partial<PendingCommand>): CommandQueue {
  return queue.map((one) => (isEntry(one, entry) ? { ...one, ...news } : one));
}

export function remove(queue: CommandQueue, entry: PendingCommand): CommandQueue {
  return queue.filter((one) => !isEntry(one, entry));
}

export function send(queue: CommandQueue, entry: PendingCommand): CommandQueue {
  return change(queue, entry, { state: 'sending', expiresAt: undefined });
}

/** It could not be delivered, and waits. */
export function hold(queue: CommandQueue, entry: PendingCommand): CommandQueue {
  return change(queue, entry, { state: 'queued', expiresAt: entry.isKept ? undefined : entry.at + QUEUE_LIMIT });
}

/** It is wanted however late it comes. */
export function keep(queue: CommandQueue, entry: PendingCommand): CommandQueue {
  return change(queue, entry, { isKept: true, expiresAt: undefined });
}

/** The server has taken it. Whoever gave several at once has seen the event that the first one wrote. */
export function taken(queue: CommandQueue, entry: PendingCommand, seq: number): CommandQueue {
  const told = queue.map((one) =>
    one.run === entry.run && one.ctl !== undefined && one.ctl < seq ? { ...one, ctl: seq } : one,
  );
  return change(told, entry, { state: 'sent', expiresAt: undefined, seq });
}

export function expired(queue: CommandQueue, now: number): PendingCommand[] {
  return queue.filter(({ expiresAt }) => expiresAt !== undefined && expiresAt <= now);
}

/** When the next one expires, ms since the epoch; Infinity = none does. */
export function nextExpiry(queue: CommandQueue): number {
  return Math.min(...queue.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY));
}

function isEntry(one: PendingCommand, other: PendingCommand): boolean {
  return one.run === other.run && one.key === other.key;
}
