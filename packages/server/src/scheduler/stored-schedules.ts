import { isDeepStrictEqual } from 'node:util';
import { MillraceError, type Schedule } from '@millrace/protocol';
import type { Caller, Engine } from '../engine/face.ts';
import type { DueRow, ScheduleRow, Store } from '../store/store.ts';
import type { ScheduleInfo, Schedules } from './face.ts';
import { checkTimes, nextFiring } from './firing-times.ts';

const RUN = 'schedule:';
const KEY = 'fire';

type Firing = Pick<ScheduleInfo, 'lastRun' | 'lastAt' | 'lastError'>;

/**
 * Schedules in the store. What a schedule owes the future is one due row, `schedule:ID / fire`, written again at each
 * firing: first the run, then the next row, then the schedule. Whoever dies in between leaves the row, and the run's
 * idempotency key (the schedule and the time) makes its repetition harmless; a row of an earlier time than the
 * schedule's next one is an echo, and is put right.
 */
export class StoredSchedules implements Schedules {
  readonly #store: Store;
  readonly #engine: Engine;
  readonly #now: () => number;
  readonly #onDue: (at: number) => void;
  /** the last of those who change a schedule: one after the other, or a firing would undo a replacement */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: { store: Store; engine: Engine; now: () => number; onDue: (at: number) => void }) {
    this.#store = options.store;
    this.#engine = options.engine;
    this.#now = options.now;
    this.#onDue = options.onDue;
  }

  put({ tenant, by }: Caller, schedule: Schedule): Promise<ScheduleInfo> {
    return this.#turn(tenant, schedule.id, async () => {
      const now = this.#now();
      checkTimes(schedule, now);
      const before = await this.find(tenant, schedule.id);
      const goesOn = before?.nextAt !== undefined && sameTimes(before, schedule);
      const nextAt = goesOn ? before.nextAt : nextFiring(schedule, now, now);
      const info = infoOf({ ...schedule, by: before?.by ?? by }, schedule.enabled ? nextAt : undefined, before);
      await this.#write(tenant, info);
      return info;
    });
  }

  async find(tenant: string, id: string): Promise<ScheduleInfo | undefined> {
    const row = await this.#store.schedule(tenant, id);
    return row && parsed(row);
  }

  async list(tenant: string): Promise<ScheduleInfo[]> {
    return (await this.#store.schedules(tenant)).map(parsed);
  }

  delete(tenant: string, id: string): Promise<void> {
    return this.#turn(tenant, id, async () => {
      if (!(await this.#store.deleteSchedule(tenant, id))) {
        throw new MillraceError('schedule_not_found', { detail: `There is no schedule "${id}".` });
      }
      await this.#drop(tenant, id);
    });
  }

  /** Whether this due row is a schedule's firing. */
  owns({ run, key }: DueRow): boolean {
    return key === KEY && run.startsWith(RUN);
  }

  /** Carries out a firing. Rejects where it is to be tried again. */
  fire({ tenant, run, at }: DueRow): Promise<void> {
    const id = run.slice(RUN.length);
    return this.#turn(tenant, id, async () => {
      const schedule = await this.find(tenant, id);
      if (schedule?.nextAt === undefined) return this.#drop(tenant, id);
      if (schedule.nextAt > at) return this.#owe(tenant, id, schedule.nextAt);
      const firing = await this.#start(tenant, schedule, at);
      // Another server may have fired or replaced it meanwhile, and has then written what comes next.
      if (!isDeepStrictEqual(await this.find(tenant, id), schedule)) return;
      const { lastRun: _run, lastAt: _at, lastError: _error, nextAt: _next, ...kept } = schedule;
      await this.#write(tenant, infoOf(kept, nextFiring(schedule, Math.max(this.#now(), at), at), firing));
    });
  }

  async #start(tenant: string, schedule: ScheduleInfo, at: number): Promise<Firing> {
    const { id, workflow, input, options, tags = [], by } = schedule;
    const request = {
      workflow,
      tags: [...tags, `${RUN}${id}`],
      ...(input === undefined ? {} : { input }),
      ...(options ? { options } : {}),
    };
    try {
      const { id: run } = await this.#engine.create({ tenant, by }, request, `${RUN}${id}/${at}`);
      return { lastRun: run, lastAt: at };
    } catch (error) {
      if (!(error instanceof MillraceError) || error.row.retry) throw error;
      // The key says that this time has started its run, before the schedule became another one.
      if (error.code === 'idempotency_conflict') return schedule;
      return { ...schedule, lastError: { at, code: error.code, message: error.message } };
    }
  }

  /**
   * The due row stands before the schedule, so a stored schedule fires; and it is written once more after it, because
   * another server that met the row before there was a schedule may have dropped it.
   */
  async #write(tenant: string, info: ScheduleInfo): Promise<void> {
    const { id, nextAt } = info;
    if (nextAt !== undefined) await this.#owe(tenant, id, nextAt);
    await this.#store.putSchedule(tenant, rowOf(info));
    if (nextAt === undefined) await this.#drop(tenant, id);
    else await this.#owe(tenant, id, nextAt);
  }

  async #owe(tenant: string, id: string, at: number): Promise<void> {
    const command = JSON.stringify({ type: 'fire', schedule: id, at });
    await this.#store.putDue([{ tenant, run: `${RUN}${id}`, key: KEY, at, command }]);
    this.#onDue(at);
  }

  async #drop(tenant: string, id: string): Promise<void> {
    await this.#store.dropDue([{ tenant, run: `${RUN}${id}`, key: KEY }]);
    const present = await this.#store.schedule(tenant, id);
    if (present?.nextAt !== undefined) await this.#owe(tenant, id, present.nextAt);
  }

  #turn<T>(tenant: string, id: string, act: () => Promise<T>): Promise<T> {
    const name = JSON.stringify([tenant, id]);
    const before = this.#turns.get(name) ?? Promise.resolve();
    const turn = before.then(act, act).finally(() => {
      if (this.#turns.get(name) === turn) this.#turns.delete(name);
    });
    this.#turns.set(name, turn);
    return turn;
  }
}

function sameTimes(a: Schedule, b: Schedule): boolean {
  return a.cron === b.cron && a.every === b.every && a.timezone === b.timezone;
}

function infoOf(
  kept: Schedule & { by: string },
  nextAt: number | undefined,
  { lastRun, lastAt, lastError }: Firing = {},
): ScheduleInfo {
  return {
    ...kept,
    ...(nextAt === undefined ? {} : { nextAt }),
    ...(lastRun === undefined ? {} : { lastRun }),
    ...(lastAt === undefined ? {} : { lastAt }),
    ...(lastError === undefined ? {} : { lastError }),
  };
}

/** The text is the schedule, who put it, and why it failed last; the rest are columns. */
function rowOf({ nextAt, lastRun, lastAt, ...kept }: ScheduleInfo): ScheduleRow {
  return {
    ...{ id: kept.id, text: JSON.stringify(kept), enabled: kept.enabled },
    ...(nextAt === undefined ? {} : { nextAt }),
    ...(lastRun === undefined ? {} : { lastRun }),
    ...(lastAt === undefined ? {} : { lastAt }),
  };
}

function parsed({ text, nextAt, lastRun, lastAt }: ScheduleRow): ScheduleInfo {
  const { lastError, ...kept } = JSON.parse(text) as ScheduleInfo;
  return infoOf(kept, nextAt, {
    ...(lastRun === undefined ? {} : { lastRun }),
    ...(lastAt === undefined ? {} : { lastAt }),
    ...(lastError === undefined ? {} : { lastError }),
  });
}
