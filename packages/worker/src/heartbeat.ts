import type { Clock, LeaseRef, LeaseState, WorkerLink } from '@millrace/protocol';
import { LeaseBook } from './lease-book.ts';

/** Keeps leases alive while they are held, and tells what becomes of them. */
export interface Heartbeat {
  hold(lease: LeaseRef): void;
  release(lease: LeaseRef): void;
  close(): void;
}

/** For links that renew without us. */
export const noHeartbeat: Heartbeat = { hold() {}, release() {}, close() {} };

export interface HeartbeatOptions {
  worker: string;
  leaseMs: number;
  renewMs: number;
  clock: Clock;
  tell(state: LeaseState): void;
  report(error: unknown, during: string): void;
}

/** Renews on this thread, every `renewMs`. */
export function createHeartbeat(link: Pick<WorkerLink, 'renew'>, options: HeartbeatOptions): Heartbeat {
  const { worker, leaseMs, renewMs, clock, tell, report } = options;
  const book = new LeaseBook(clock, (lease) => tell({ ...lease, state: 'lost', reason: 'not renewed in time' }));

  const renew = async (): Promise<void> => {
    const sent = clock.now();
    const states = await link.renew(worker, book.leases);
    for (const state of states) {
      if (state.state === 'lost') book.release(state);
      else book.extend(state, sent + leaseMs);
      tell(state);
    }
  };
  const beat = (): void => {
    stop = clock.after(renewMs, beat);
    if (book.leases.length === 0) return;
    renew().catch((error: unknown) => report(error, 'renewing leases'));
  };
  let stop = clock.after(renewMs, beat);

  return {
    hold: (lease) => book.hold(lease, clock.now() + leaseMs),
    release: (lease) => book.release(lease),
    close() {
      stop();
      book.clear();
    },
  };
}
