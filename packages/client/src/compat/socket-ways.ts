import type { Client } from '../client.ts';
import { systemClock } from '../clock.ts';
import type { SocketWays } from './resilient-socket.ts';

/** Where a socket of its own finds the server: both are the client's where they are not given. */
export interface SocketSource {
  /** the server's address, e.g. `https://millrace.example.com`; without a client, the page's own */
  url?: string;
  /** of a function: another one where the server did not accept `refused` */
  token?: string | ((refused?: string) => Promise<string>);
}

/** `source` is asked before every attempt. */
export function socketWays(source: () => SocketSource, client: Client | undefined): SocketWays {
  return {
    url: () => source().url ?? client?.api.fileUrl('.') ?? globalThis.location.origin,
    async token(refused) {
      const { token } = source();
      if (typeof token === 'function') return token(refused);
      return token ?? client?.api.token(refused) ?? '';
    },
    clock: client?.clock ?? systemClock,
  };
}
