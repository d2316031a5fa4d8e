import type { Schedule } from '@millrace/protocol';
import type { Caller } from '../engine/face.ts';

/** A schedule and what came of it. Times are in ms since the epoch. */
export interface ScheduleInfo extends Schedule {
  /** who put it first; its runs are theirs */
  by: string;
  /** its next firing; undefined = it will not fire */
  nextAt?: number;
  /** the run that it started last, and the time for which it did */
  lastRun?: string;
  lastAt?: number;
  /** why its last firing started nothing; gone when one has started a run again */
  lastError?: { at: number; code: string; message: string };
}

/**
 * Starts runs by the clock. Each firing starts one run, however many servers share the store; firings that were
 * missed while no server was up are made good by one. A run of a schedule bears the tag `schedule:ID`.
 */
export interface Schedules {
  /**
   * Stores a schedule, or replaces the one of the same id. Where its times stay as they were its next firing does
   * too; otherwise an interval counts from now. Whether the workflow exists is judged at each firing.
   * Errors: schedule_invalid.
   */
  put(caller: Caller, schedule: Schedule): Promise<ScheduleInfo>;
  find(tenant: string, id: string): Promise<ScheduleInfo | undefined>;
  list(tenant: string): Promise<ScheduleInfo[]>;
  /** Its runs stay. Errors: schedule_not_found. */
  delete(tenant: string, id: string): Promise<void>;
}
