import type { RunCommand } from '@millrace/protocol/frame';
import type { PublicStatus, StatusDetail } from '@millrace/protocol/run';

/** A command that the log does not tell of yet, as a run's snapshot holds it. */
export interface Pending {
  readonly command: RunCommand;
  /** `queued` = it waits for the connection */
  readonly state: 'sending' | 'queued' | 'sent';
  /** of a queued one, ms since the epoch; undefined = it does not expire */
  readonly expiresAt?: number | undefined;
}

/** A run's finer word as it is shown: what was asked of it stands before what it is. */
export type ShownDetail = StatusDetail | 'resuming';

export interface ShownStatus {
  status: PublicStatus;
  detail?: ShownDetail | undefined;
}

/** How a run is shown while commands are on their way: pausing, resuming or cancelling, unless it is there already. */
export function shownStatus(run: ShownStatus, pending: readonly Pending[]): ShownStatus {
  const asked = pending.map(({ command }) => command.type);
  if (run.status === 'completed' || run.status === 'failed' || run.status === 'cancelled') return run;
  if (asked.includes('cancel')) return { status: run.status, detail: 'cancelling' };
  const last = asked.findLast((type) => type === 'pause' || type === 'resume');
  if (last === 'pause' && run.status === 'running') return { status: 'running', detail: 'pausing' };
  if (last === 'resume' && run.status === 'paused') return { status: 'paused', detail: 'resuming' };
  return run;
}

/** The answer to a wait that is on its way, if there is one. */
export function answerTo<P extends Pending>(pending: readonly P[], wait: string): P | undefined {
  return pending.findLast(
    ({ command }) =>
      (command.type === 'approve' && command.approvalId === wait) ||
      (command.type === 'provide' && command.inputId === wait),
  );
}

/** The command that changes the run's own state and is on its way, if there is one. */
export function moveOf<P extends Pending>(pending: readonly P[]): P | undefined {
  return pending.findLast(({ command }) => command.type !== 'approve' && command.type !== 'provide');
}

const doing: Record<RunCommand['type'], string> = {
  pause: 'Pausing…',
  resume: 'Resuming…',
  cancel: 'Cancelling…',
  approve: 'Sending your decision…',
  provide: 'Sending your answer…',
};

const names: Record<RunCommand['type'], string> = {
  pause: 'Your pause',
  resume: 'Your resume',
  cancel: 'Your cancel',
  approve: 'Your decision',
  provide: 'Your answer',
};

/** What becomes of a pending command, in a sentence. `now`: ms since the epoch. */
export function pendingText({ command, state, expiresAt }: Pending, now: number): string {
  if (state !== 'queued') return doing[command.type];
  const what = command.type === 'approve' ? `${names.approve}, ${command.decision},` : names[command.type];
  if (expiresAt === undefined) return `${what} will be sent when you are back.`;
  return `${what} will be sent when you are back; expires in ${Math.max(0, Math.ceil((expiresAt - now) / 1_000))} s.`;
}

/** What a list of pending commands of several runs comes to, in a few words; undefined where nothing waits. */
export function queueText(pending: readonly Pending[], now: number): string | undefined {
  const queued = pending.filter(({ state }) => state === 'queued');
  if (queued.length === 0) return undefined;
  const next = Math.min(...queued.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY));
  const expiry = Number.isFinite(next) ? `; expires in ${Math.max(0, Math.ceil((next - now) / 1_000))} s` : '';
  return queued.length === 1
    ? `1 command will be sent when you are back${expiry}`
    : `${queued.length} commands will be sent when you are back${expiry && `; the first${expiry.slice(1)}`}`;
}
