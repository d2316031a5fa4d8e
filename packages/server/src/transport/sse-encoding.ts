import { formatCursor, type Problem } from '@millrace/protocol';
import type { Encoding } from '../hub/face.ts';

/** ms after which a browser comes back at the earliest */
const RETRY_MS = 1_000;

/**
 * The hub's words as Server-Sent Events. Every message carries the cursor that it leads to, so a browser that
 * comes back names the right one by itself. JSON text holds no line breaks: one `data:` line is enough.
 */
export function sseEncoding(epoch: string): Encoding {
  const id = (seq: number) => `id: ${formatCursor(epoch, seq)}\n`;
  const told = (problem: Problem) => Buffer.from(`event: problem\ndata: ${JSON.stringify(problem)}\n\n`);
  return {
    name: 'sse',
    range(range) {
      const seen = range.events();
      const messages = seen.map(({ seq, text }) => `${id(seq)}data: ${text}\n\n`);
      // An id without data is not dispatched, but it is remembered.
      if (seen.at(-1)?.seq !== range.through) messages.push(`${id(range.through)}\n`);
      return Buffer.from(messages.join(''));
    },
    snapshot: ({ seq, run }, view) =>
      Buffer.from(`${id(seq)}event: snapshot\ndata: {"run":${JSON.stringify(run)},"seq":${seq},"view":${view}}\n\n`),
    gap: (_place, gap) => Buffer.from(`event: gap\ndata: ${JSON.stringify(gap)}\n\n`),
    problem: told,
    // A browser's own reconnecting knows no jitter, but it obeys `retry`.
    bye: (_reason, problem) =>
      Buffer.concat([
        Buffer.from(`retry: ${Math.round(RETRY_MS + 1_000 * Number(problem.retryAfter ?? 0))}\n`),
        told(problem),
      ]),
    join: (messages) => Buffer.concat(messages),
  };
}
