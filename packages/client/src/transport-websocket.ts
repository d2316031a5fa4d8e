import { MillraceError } from '@millrace/protocol/error-code';
import { type ClientFrame, type ServerFrame, SUBPROTOCOL } from '@millrace/protocol/frame';
import { unreachable } from './problem.ts';
import type { OpenTransport } from './transport.ts';

/** The server's close codes for a token that it does not accept, and for an origin that may not connect. */
const UNAUTHORIZED = 4401;

/** `/live`: one socket for everything, one JSON frame or array of frames per message. */
export const openWebSocket: OpenTransport = ({ url, platform }, events) => {
  const Socket = platform.WebSocket;
  if (!Socket) throw new TypeError('This environment has no WebSocket.');
  const socket = new Socket(`${url.replace(/^http/, 'ws')}/live`, SUBPROTOCOL);
  const early: ClientFrame[] = [];
  let ended = false;

  const end = (code: number, reason: string) => {
    if (ended) return;
    ended = true;
    const refused = code === UNAUTHORIZED;
    const error = reason
      ? refused
        ? new MillraceError('unauthorized', { detail: reason })
        : unreachable(reason)
      : undefined;
    events.closed({ refused, ...(error && { error }) });
  };

  socket.onopen = () => {
    for (const frame of early.splice(0)) socket.send(JSON.stringify(frame));
  };
  socket.onmessage = ({ data }: MessageEvent) => {
    if (ended) return;
    const frames = parse(data);
    if (frames) events.frames(frames);
    else {
      socket.close();
      end(1007, 'The server sent what is not a frame.');
    }
  };
  socket.onclose = ({ code, reason }) => end(code, reason);
  // What went wrong is told by the close event that follows.
  socket.onerror = () => {};

  return {
    kind: 'websocket',
    send(frame) {
      if (socket.readyState === 1) socket.send(JSON.stringify(frame));
      else if (socket.readyState === 0) early.push(frame);
    },
    close() {
      ended = true;
      socket.close();
    },
  };
};

function parse(data: unknown): ServerFrame[] | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const value = JSON.parse(data) as ServerFrame | ServerFrame[];
    return Array.isArray(value) ? value : [value];
  } catch {
    return undefined;
  }
}
