import { progressOf } from '@millrace/protocol/dialects/run-progress';
import type { PublicStatus } from '@millrace/protocol/run';
import { publicStatus, type RunView } from '@millrace/protocol/view';
import type { Client } from '../client.ts';
import type { RunSnapshot } from '../run-store.ts';
import type { Store } from '../store.ts';

/** A job as its page shows it. */
export interface JobProgress {
  /** undefined until the server has answered */
  readonly state: PublicStatus | undefined;
  /** 0–100 */
  readonly progress: number;
  /** what its agents have said so far, without what a newer attempt has retracted; its newest part where it is very long */
  readonly streamingText: string;
  /** Asks for its end. What comes of it is seen in `state`. */
  readonly cancel: () => void;
}

/** Follows jobs: the same object until something of them changes. */
export class JobProgressStore implements Store<Readonly<Record<string, JobProgress>>> {
  readonly #runs: readonly Store<RunSnapshot>[];
  readonly #cancels: readonly (() => void)[];
  #jobs: Readonly<Record<string, JobProgress>> = {};

  constructor(client: Client, jobIds: readonly string[]) {
    const runs = [...new Set(jobIds)].map((id) => client.run(id));
    this.#runs = runs;
    // A refused one stands in the run's snapshot as `refused`, and the state says what came of one that was taken.
    this.#cancels = runs.map((run) => () => {
      run.command({ type: 'cancel' }).catch(() => {});
    });
  }

  subscribe(listener: () => void): () => void {
    const off = this.#runs.map((run) => run.subscribe(listener));
    return () => {
      for (const leave of off) leave();
    };
  }

  getSnapshot(): Readonly<Record<string, JobProgress>> {
    const before = this.#jobs;
    const entries = this.#runs.map((run, at) => {
      const { id, view } = run.getSnapshot();
      const known = before[id];
      const now: JobProgress = { ...jobOf(view), cancel: this.#cancels[at] ?? (() => {}) };
      const isSame =
        known?.state === now.state && known?.progress === now.progress && known?.streamingText === now.streamingText;
      return [id, known && isSame ? known : now] as const;
    });
    if (entries.some(([id, job]) => before[id] !== job)) this.#jobs = Object.fromEntries(entries);
    return this.#jobs;
  }
}

function jobOf(view: RunView | undefined): Omit<JobProgress, 'cancel'> {
  if (!view) return { state: undefined, progress: 0, streamingText: '' };
  const { control, content } = view;
  const spoken = Object.values(content.messages).filter(({ role, superseded }) => role === 'assistant' && !superseded);
  return {
    state: publicStatus(control).status,
    progress: progressOf(view),
    streamingText: spoken.map(({ text }) => text).join(''),
  };
}
