/**
 * One connection of one viewer, as the hub sees it. A transport only moves bytes: it knows nothing of runs.
 * The hub hands `write` everything that one turn produced for this connection, at most once per turn.
 */
export interface Connection {
  readonly kind: 'websocket' | 'sse' | 'socketio' | 'polling';
  /** Sends one text message. The same Buffer may be given to many connections: it is never changed. */
  write(message: Buffer): void;
  /** Bytes that were written and have not left the process. */
  buffered(): number;
  /** Calls `listener` once, when everything written so far has left. */
  onDrain(listener: () => void): void;
  close(code: number, reason: string): void;
}
