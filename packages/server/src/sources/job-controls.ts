import { isTerminal, type RunSummary } from '@millrace/protocol';

/** What whoever executes a job is told, as JSON on `job:control:{jobId}`. */
export interface JobControl {
  jobId: string;
  action: 'pause' | 'resume' | 'cancel';
  /** `hung`, or the code of the refusal */
  reason?: string;
}

/** What the publisher of an external run is told when the run's row changes. It remembers those that are told to stop. */
export class JobControls {
  readonly #told = new Map<string, 'pause' | 'cancel'>();

  next({ id: jobId, external, status, detail, error }: RunSummary): JobControl | undefined {
    if (!external) return undefined;
    const before = this.#told.get(jobId);
    if (isTerminal(status)) this.#told.delete(jobId);
    if (detail === 'cancelling' || status === 'cancelled') {
      if (status !== 'cancelled') this.#told.set(jobId, 'cancel');
      return before === 'cancel' ? undefined : { jobId, action: 'cancel' };
    }
    if (error?.code === 'hung') return { jobId, action: 'cancel', reason: 'hung' };
    if (status === 'paused') {
      this.#told.set(jobId, 'pause');
      return before === 'pause' ? undefined : { jobId, action: 'pause' };
    }
    if (status !== 'running' || before !== 'pause') return undefined;
    this.#told.delete(jobId);
    return { jobId, action: 'resume' };
  }
}
