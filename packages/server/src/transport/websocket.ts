import { SUBPROTOCOL } from '@millrace/protocol';
import type { Hub } from '../hub/face.ts';
import { createSocketServer, type SocketHandler, type SocketServerOptions } from './socket-server.ts';

export interface WebSocketOptions extends SocketServerOptions {
  hub: Hub;
}

/** The native frames, at `/live`: a connection may bring its token in a first frame `hello {token}`. */
export function createWebSocketHandler({ hub, ...options }: WebSocketOptions): SocketHandler {
  return createSocketServer(
    {
      path: '/live',
      subprotocol: SUBPROTOCOL,
      connect: (principal, socket) => hub.connect(principal, socket),
      refusal: (problem) => JSON.stringify({ type: 'error', problem }),
      tokenOf: tokenOfHello,
    },
    options,
  );
}

/** undefined where the text is no `hello` with a token: verifying that is refused as it should be. */
function tokenOfHello(text: string): string | undefined {
  try {
    const frame = JSON.parse(text) as { type?: unknown; token?: unknown } | null;
    return frame?.type === 'hello' && typeof frame.token === 'string' ? frame.token : undefined;
  } catch {
    return undefined;
  }
}
