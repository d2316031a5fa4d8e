export interface RunMessage {
  event_type: string;
  timestamp: string;
  run_id: string;
  seq: number;
  data: Record<string, unknown>;
}

/** What S1's front end does with the platform's own WebSocket: keeps what comes, in order, and tells when it is over. */
export class RunSocketClient {
  readonly socket: WebSocket;
  readonly messages: RunMessage[] = [];
  readonly opened: Promise<void>;
  readonly closed: Promise<CloseEvent>;

  constructor(url: string, protocols: string[] = []) {
    this.socket = new WebSocket(url, protocols);
    this.socket.addEventListener('message', ({ data }) => this.messages.push(JSON.parse(String(data)) as RunMessage));
    this.opened = new Promise((resolve) => this.socket.addEventListener('open', () => resolve(), { once: true }));
    this.closed = new Promise((resolve) => this.socket.addEventListener('close', resolve, { once: true }));
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  of(...types: string[]): RunMessage[] {
    return this.messages.filter(({ event_type }) => types.includes(event_type));
  }

  get types(): string[] {
    return this.messages.map(({ event_type }) => event_type);
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}
