import type { RunCommand } from '@millrace/protocol/frame';

/** An answer to a wait: it is as right in an hour as it is now, for the wait is still the same. */
export function isAnswer({ type }: RunCommand): boolean {
  return type === 'approve' || type === 'provide';
}
