import { randomBytes } from 'node:crypto';
import type { Server } from 'socket.io';

/** what Socket.IO's own ids look like, with room to spare */
const PID = /^[\w-]{1,64}$/;

/** What a recovered socket's `data` holds from the start. */
export interface Recovered {
  offset: string;
}

type Adapter = Parameters<Server['adapter']>[0];

/**
 * Socket.IO's connection state recovery without a state: whoever says where it stands is given a socket that knows it,
 * and the namespace sends on from there. So it works after a restart and on any other server. Nothing is broadcast by
 * Socket.IO here, so that no rooms are kept.
 */
export function recovery(accepts: (namespace: string, offset: string) => boolean): Adapter {
  class Recovery {
    readonly #name: string;

    constructor(namespace: { name: string }) {
      this.#name = namespace.name;
    }

    init(): void {}
    close(): void {}
    addAll(): void {}
    del(): void {}
    delAll(): void {}
    persistSession(): void {}
    socketRooms(): undefined {}

    restoreSession(pid: string, offset: string): object | undefined {
      if (!PID.test(pid) || !accepts(this.#name, offset)) return undefined;
      const data: Recovered = { offset };
      return { sid: randomBytes(15).toString('base64url'), pid, rooms: [], missedPackets: [], data };
    }
  }
  return Recovery as unknown as Adapter;
}
