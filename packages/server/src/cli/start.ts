import { resolve } from 'node:path';
import { defineCommand } from 'citty';
import { type Config, portsOf, wholeNumber } from '../config.ts';
import type { Host, Running } from './host.ts';
import { paint } from './paint.ts';

/** Flags of the commands that start a server; each stands before its environment variable. */
export const serverArgs = {
  port: { type: 'string', description: 'port to listen on (PORT)', valueHint: 'PORT' },
  ports: { type: 'string', description: 'further ports, separated by commas (MILLRACE_PORTS)', valueHint: 'PORTS' },
  host: { type: 'string', description: 'address to listen on (MILLRACE_HOST)', valueHint: 'ADDRESS' },
  data: { type: 'string', description: 'data folder (MILLRACE_DATA)', valueHint: 'DIR' },
} as const;

const CONSOLE_TOKEN_SECONDS = 30 * 24 * 3600;

export function overridesOf(args: { port?: string; ports?: string; host?: string; data?: string }): Partial<Config> {
  return {
    ...(args.port === undefined ? {} : { port: wholeNumber('--port', args.port, 0, 65_535) }),
    ...(args.ports === undefined ? {} : { ports: portsOf('--ports', args.ports) }),
    ...(args.host === undefined ? {} : { host: args.host }),
    ...(args.data === undefined ? {} : { data: args.data }),
  };
}

/** Starts a server and says where it is; the printed address holds a token that opens the console. */
export async function startServer(
  host: Host,
  overrides: Partial<Config>,
): Promise<{ server: Running; config: Config }> {
  const config = host.config(overrides);
  const server = await host.start(overrides);
  const query = config.secret === undefined && config.jwksUrl !== undefined ? '' : `?token=${await ownToken(server)}`;
  console.log(`Millrace ${host.version} is up.`);
  console.log(`  console  ${paint('cyan', `${server.url}/${query}`)}`);
  console.log(`  data     ${placeOf(config)}`);
  console.log(`  pid      ${process.pid}`);
  return { server, config };
}

/** Where the runs are, without a password. */
export function placeOf({ store, data, databaseUrl = '' }: Config): string {
  if (store === 'memory') return 'in memory only';
  return store === 'postgres' ? databaseUrl.replace(/\/\/[^/]*@/, '//') : resolve(data);
}

const ownToken = (server: Running) => server.token({ sub: 'admin', roles: ['admin'] }, CONSOLE_TOKEN_SECONDS);

export const start = (host: Host) =>
  defineCommand({
    meta: { name: 'start', description: 'Start a server' },
    args: serverArgs,
    async run({ args }) {
      const { server } = await startServer(host, overridesOf(args));
      await server.closed;
    },
  });
