import { MillraceError, type Schedule } from '@millrace/protocol';
import { Cron } from 'croner';

type Times = Pick<Schedule, 'cron' | 'every' | 'timezone'>;

const SHORTEST = 1_000;
const FIELDS = /^\s*(@\w+|\S+(\s+\S+){4,5})\s*$/;

/**
 * The first firing after `after`, in ms since the epoch; undefined = there is none. An interval is counted on from
 * `last`, its last firing. Where clocks are put forward, a time that does not exist fires when they have been; where
 * they are put back, a fixed time fires once and a repeated one ("every 30 minutes") as often as it happens.
 */
export function nextFiring({ cron, every, timezone }: Times, after: number, last: number): number | undefined {
  if (cron !== undefined) {
    return new Cron(cron, { timezone: timezone ?? 'UTC', mode: '5-or-6-parts' }).nextRun(new Date(after))?.getTime();
  }
  const step = every as number;
  return last + step * (Math.floor(Math.max(0, after - last) / step) + 1);
}

/** Errors: schedule_invalid, saying what cannot be used and why. */
export function checkTimes({ cron, every, timezone }: Times, now: number): void {
  if ((cron === undefined) === (every === undefined)) {
    throw invalid('A schedule needs either "cron" or "every", and not both.');
  }
  if (every !== undefined && !(Number.isSafeInteger(every) && every >= SHORTEST)) {
    throw invalid(`"every" is ${every}. Expected whole milliseconds, at least ${SHORTEST}.`);
  }
  if (timezone !== undefined && !isTimezone(timezone)) {
    throw invalid(`"timezone" is "${timezone}". Expected an IANA name like Europe/Berlin.`);
  }
  if (cron !== undefined) checkCron(cron, timezone, now);
}

function checkCron(cron: string, timezone: string | undefined, now: number): void {
  if (!FIELDS.test(cron)) throw invalid(`"cron" is "${cron}". Expected five or six fields, like "30 2 * * 1-5".`);
  let first: number | undefined;
  try {
    first = nextFiring({ cron, ...(timezone === undefined ? {} : { timezone }) }, now, now);
  } catch (error) {
    throw invalid(`"cron" is "${cron}": ${(error as Error).message}`);
  }
  if (first === undefined) throw invalid(`"cron" is "${cron}", which names no time that ever comes.`);
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function invalid(detail: string): MillraceError {
  return new MillraceError('schedule_invalid', { detail });
}
