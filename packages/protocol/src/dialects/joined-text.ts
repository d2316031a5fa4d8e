import type { Message } from './dialect.ts';

/** Which text a message is a piece of, and which text it ends or interrupts. Undefined: of none. */
export interface TextPieces {
  /** of a piece: the text that it is of */
  pieceOf(message: Message): string | undefined;
  /** of any message: the text after which it must not be told later than its pieces */
  textOf(message: Message): string | undefined;
  /** two pieces of one text, the later of them last, as one */
  merge(earlier: Message, later: Message): Message;
}

/**
 * Makes one of the pieces of a text that stand in a list of messages, in the last one's place. Pieces of several texts
 * may be mixed; nothing that belongs to a text changes its place among its pieces.
 */
export function joinText(messages: readonly Message[], { pieceOf, textOf, merge }: TextPieces): readonly Message[] {
  const joined: (Message | undefined)[] = [];
  const open = new Map<string, number>();
  for (const message of messages) {
    const text = pieceOf(message);
    if (text === undefined) {
      const ended = textOf(message);
      if (ended !== undefined) open.delete(ended);
      joined.push(message);
      continue;
    }
    const place = open.get(text);
    const earlier = place === undefined ? undefined : joined[place];
    if (place !== undefined) joined[place] = undefined;
    open.set(text, joined.length);
    joined.push(earlier ? merge(earlier, message) : message);
  }
  return joined.filter((message) => message !== undefined);
}
