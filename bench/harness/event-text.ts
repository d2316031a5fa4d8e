/** bytes of an event as it is delivered, its seq and time included */
export const EVENT_BYTES = 200;

/** bytes of a stored event without its message, as Millrace spells it, with numbers of six digits */
const FRAME = 114;

const messages = new Map<number, string>();

function message(bytes: number): string {
  let text = messages.get(bytes);
  if (text === undefined) {
    text = 'm'.repeat(Math.max(1, bytes - FRAME));
    messages.set(bytes, text);
  }
  return text;
}

/** What an event tells, where it is made in the server's own process. */
export const logData = (
  n: number,
  bytes = EVENT_BYTES,
): { level: 'info'; message: string; metadata: { n: number } } => ({
  level: 'info',
  message: message(bytes),
  metadata: { n },
});

/** The JSON array of `count` log events, numbered from `n`: what is posted to every server. */
export function eventsText(n: number, count: number, bytes = EVENT_BYTES): string {
  const text = message(bytes);
  let body = '';
  for (let number = n; number < n + count; number++) {
    body += `${number === n ? '[' : ','}{"type":"log","data":{"level":"info","message":"${text}","metadata":{"n":${number}}}}`;
  }
  return `${body}]`;
}

/** The event that a peer's application sends on: the same words in the same order, with the seq that it gives. */
export function deliveredEvent(seq: number, posted: { type: string; data: object }): object {
  return { seq, at: Date.now(), type: posted.type, by: 'user:admin', data: posted.data };
}
