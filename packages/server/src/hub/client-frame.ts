import { type ClientFrame, MillraceError } from '@millrace/protocol';
import { isEventType } from '@millrace/protocol/event-class';
import { z } from 'zod';

const name = z.string().min(1).max(500);
const names = z.array(name).max(500);
const id = z.number().int().min(0);
const reason = z.string().max(10_000).optional();

const filter = z.strictObject({
  types: z.array(z.custom<never>(isEventType, 'Expected a type of the event catalogue.')).max(500).optional(),
  nodes: names.optional(),
  agents: names.optional(),
});

const command = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('pause'), reason }),
  z.strictObject({ type: z.literal('resume'), reason }),
  z.strictObject({ type: z.literal('cancel'), reason }),
  z.strictObject({ type: z.literal('approve'), approvalId: name, decision: name, comment: reason }),
  z.strictObject({ type: z.literal('provide'), inputId: name, value: z.json() }),
]);

const query = z.strictObject({
  owner: name.optional(),
  workflow: name.optional(),
  tag: name.optional(),
  queue: name.optional(),
  status: names.optional(),
  limit: z.number().int().min(1).max(500).optional(),
});

const clientFrame = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), token: z.string().optional(), client: z.string().max(500).optional() }),
  z.object({
    type: z.literal('subscribe'),
    id,
    run: name,
    after: z.string().max(100).optional(),
    filter: filter.optional(),
  }),
  z.object({ type: z.literal('unsubscribe'), id, run: name, filter: filter.optional() }),
  z.object({ type: z.literal('list'), id, query }),
  z.object({ type: z.literal('unlist'), id, list: id }),
  z.object({ type: z.literal('command'), id, run: name, command, key: name.optional(), ctl: id.optional() }),
  z.object({ type: z.literal('token'), id, token: z.string() }),
  z.object({ type: z.literal('ping'), at: z.number() }),
]);

/** One frame of a client, checked. Throws `invalid_message` with the place that is wrong. */
export function readClientFrame(value: unknown): ClientFrame {
  const read = clientFrame.safeParse(value);
  if (read.success) return read.data as ClientFrame;
  const issue = read.error.issues[0];
  throw new MillraceError('invalid_message', {
    detail: `${issue?.path.join('.') || 'The message'}: ${issue?.message ?? 'is not a frame'}`,
  });
}
