import type { BusMessage } from './bus.ts';

/** characters of one run's text beyond which it stays behind, and its readers fetch it from the store */
export const TEXT_LIMIT = 1_000_000;

type EventsMessage = Extract<BusMessage, { kind: 'events' }>;
type Head = (Omit<EventsMessage, 'topic' | 'tenant' | 'text'> & { length: number }) | { kind: 'row' | 'work' };

/**
 * The messages of one topic as one text: who sends, the messages without their texts as JSON, and the texts as they
 * are, since quoting them once more would cost more than everything else. Line breaks stand between the three.
 */
export function payloadOf(sender: string, messages: readonly BusMessage[]): string {
  const texts: string[] = [];
  const heads = messages.map((message) => {
    if (message.kind !== 'events') {
      const { topic: _, ...head } = { ...message, tenant: undefined };
      return head;
    }
    // A message may put its text together when it is asked for it.
    const { kind, run, seq, through, ended, text } = message;
    const head = { kind, run, seq, through, ended };
    if (text === undefined || text.length > TEXT_LIMIT) return head;
    texts.push(text);
    return { ...head, length: text.length };
  });
  return [sender, JSON.stringify(heads), texts.join('')].join('\n');
}

/** The messages of another server; none where `self` sent them, since its own listeners have heard them. */
export function messagesIn(payload: string, topic: string, self: string): BusMessage[] {
  const sender = payload.indexOf('\n');
  const end = payload.indexOf('\n', sender + 1);
  if (sender < 0 || end < 0 || payload.slice(0, sender) === self) return [];
  const tenant = topic.slice(0, topic.indexOf('/'));
  let at = end + 1;
  return (JSON.parse(payload.slice(sender + 1, end)) as Head[]).map((head) => {
    const { length, ...rest } = { length: undefined, ...head };
    const text = length === undefined ? {} : { text: payload.slice(at, at + length) };
    at += length ?? 0;
    return { ...rest, topic, tenant, ...text } as BusMessage;
  });
}
