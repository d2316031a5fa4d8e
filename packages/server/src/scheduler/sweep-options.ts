/** When the scheduler cleans up and recovers. */
export interface SweepOptions {
  /** minutes after which a run that nobody ever claimed is cancelled (`stale`), counted from when it was due */
  staleJobMaxAgeMins: number;
  /** minutes without any event after which an attempt, or a running external run, counts as hung */
  activeJobTimeoutMins: number;
  /** seconds between two sweeps */
  checkIntervalSecs: number;
  /** cancels stale runs, and deletes ended ones after their retention */
  enableAutoCleanup: boolean;
  /** ends hung attempts, so that they are tried again, and fails hung external runs */
  enableAutoRecovery: boolean;
  /** days after its end for which a run is kept, by how it ended; 0 = for ever */
  retentionDays: RetentionDays;
}

export interface RetentionDays {
  completed: number;
  failed: number;
  cancelled: number;
}

export const defaultSweeps: SweepOptions = {
  staleJobMaxAgeMins: 1_440,
  activeJobTimeoutMins: 60,
  checkIntervalSecs: 300,
  enableAutoCleanup: true,
  enableAutoRecovery: true,
  retentionDays: { completed: 30, failed: 30, cancelled: 30 },
};

export const MINUTE = 60_000;
export const DAY = 24 * 60 * MINUTE;
