import { type ClientFrame, MillraceError } from '@millrace/protocol';
import { clientFrame } from '@millrace/protocol/frame.schema';

/** One frame of a client, checked. Throws `invalid_message` with the place that is wrong. */
export function readClientFrame(value: unknown): ClientFrame {
  const read = clientFrame.safeParse(value);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  throw new MillraceError('invalid_message', {
    detail: `${issue?.path.join('.') || 'The message'}: ${issue?.message ?? 'is not a frame of the protocol'}`,
  });
}
