import { Api } from './api.ts';
import type { Host } from './host.ts';

/** Flags of every command that talks to a server. */
export const targetArgs = {
  url: { type: 'string', description: "the server's address (MILLRACE_URL)", valueHint: 'URL' },
  token: { type: 'string', description: 'the token to use (MILLRACE_TOKEN)', valueHint: 'TOKEN' },
  data: { type: 'string', description: 'data folder of a local server (MILLRACE_DATA)', valueHint: 'DIR' },
} as const;

const LOCAL_TOKEN_SECONDS = 3600;

/**
 * The server that a command talks to: the one that it was told, else the local one. A local server needs no token:
 * one is made with the data folder's own secret.
 */
export async function connect(host: Host, args: { url?: string; token?: string; data?: string }): Promise<Api> {
  const config = host.config(args.data === undefined ? {} : { data: args.data });
  const url = args.url ?? host.env.MILLRACE_URL ?? `http://127.0.0.1:${config.port}`;
  const token =
    args.token ??
    host.env.MILLRACE_TOKEN ??
    (await host.token(config, { sub: 'cli', roles: ['admin'] }, LOCAL_TOKEN_SECONDS));
  return new Api(url, token);
}
