/** One message of a `text/event-stream`. */
export interface StreamMessage {
  /** the last id that was seen, as EventSource keeps it */
  id: string;
  event: string;
  /** empty where the message was an id alone */
  data: string;
}

/**
 * Reads server-sent events from a stream of bytes, wherever the bytes are cut: yields the messages that each
 * piece completed, which may be none. Unlike EventSource it also yields an id that comes alone; comments and `retry`
 * are skipped.
 */
export async function* readEventStream(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamMessage[]> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new StreamParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

class StreamParser {
  #rest = '';
  #id = '';
  #event = '';
  #data: string[] = [];
  #told = false;

  push(text: string): StreamMessage[] {
    const messages: StreamMessage[] = [];
    // A carriage return at the very end may be half of a line break.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line !== '') this.#line(line);
      else if (this.#told) messages.push(this.#dispatch());
    }
    return messages;
  }

  #line(line: string): void {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#event = value;
    else if (field === 'id') this.#id = value;
    else return;
    this.#told = true;
  }

  #dispatch(): StreamMessage {
    const message = { id: this.#id, event: this.#event || 'message', data: this.#data.join('\n') };
    this.#event = '';
    this.#data = [];
    this.#told = false;
    return message;
  }
}
