import { BareWebSocket } from '../../harness/bare-websocket.ts';
import type { LogReader } from '../../harness/log-reader.ts';
import { PeerEvents, PeerServer } from '../../harness/peer-server.ts';
import type { OnClose } from '../../harness/server-process.ts';
import type { Follower, Wire, WireRequest } from '../../harness/wire.ts';

/** bytes of the one message that is no event */
const WELCOME = '"ready"'.length;

export async function openWire({ embedded, runs }: WireRequest, onClose: OnClose): Promise<Wire> {
  const server = await PeerServer.start('peers/ws/server.ts', [String(embedded ? runs : 0)], onClose);
  const events = new PeerEvents(0);

  /** Resolves when the server has welcomed the socket, which is then in its room. */
  const follow = async (run: number, reader: LogReader): Promise<Follower> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const url = { port: server.port, path: `/?room=${run}` };
    const socket = await BareWebSocket.open(url, (payload) => {
      if (payload.length === WELCOME) resolve();
      else events.take(payload, reader);
    });
    await promise;
    return socket;
  };

  return {
    settings: 'ws without permessage-deflate, with bufferutil; one send per event and socket; nothing is kept',
    servers: [server.process],
    publish: (run, n, count, bytes) => server.publish(run, n, count, bytes),
    follow,
    feed: (request) => server.process.ask(request),
  };
}
