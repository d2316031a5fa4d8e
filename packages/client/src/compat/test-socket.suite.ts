import { formatTimePosition } from '@millrace/protocol/dialects/position-time';
import type { RunSocketMessage } from '@millrace/protocol/dialects/run-socket';

/** A WebSocket whose other end is the test. */
export class TestSocket {
  readyState = 0;
  readonly sent: unknown[] = [];
  readonly url: URL;
  onopen = () => {};
  onmessage = (_: { data: unknown }) => {};
  onclose = (_: { code: number }) => {};
  onerror = () => {};

  constructor(url: string) {
    this.url = new URL(url);
  }

  open(greeting?: 'connected' | 'reconnected', seq = 0): void {
    this.readyState = 1;
    this.onopen();
    if (greeting) this.say({ event_type: greeting, seq });
  }

  say(message: Partial<RunSocketMessage> & { seq: number }): void {
    const timestamp = formatTimePosition(1_800_000_000_000, message.seq);
    this.onmessage({ data: JSON.stringify({ timestamp, run_id: 'r', data: {}, ...message }) });
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  cut(code = 1006): void {
    this.readyState = 3;
    this.onclose({ code });
  }
}

/** The WebSockets that are opened with this `WebSocket`, oldest first. */
export function testSockets() {
  const sockets: TestSocket[] = [];
  const WebSocket = class extends TestSocket {
    constructor(url: string) {
      super(url);
      sockets.push(this);
    }
  } as unknown as typeof globalThis.WebSocket;
  return { sockets, last: () => sockets.at(-1) as TestSocket, WebSocket };
}
