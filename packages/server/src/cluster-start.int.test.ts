import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillraceError } from '@millrace/protocol';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Process } from '../../../test/process.ts';
import { Bouncer } from './bus/pgbouncer.rig.ts';
import { PostgresProcess } from './bus/postgres.rig.ts';
import { RedisProcess } from './bus/redis.rig.ts';
import { createServer, type Server } from './server.ts';

const patience = { timeout: 20_000, interval: 50 };
const folder = mkdtempSync(join(tmpdir(), 'millrace-start-'));
let postgres: PostgresProcess;
beforeAll(async () => {
  postgres = await PostgresProcess.start();
});
afterAll(async () => {
  await postgres.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function start(env: Record<string, string>): Promise<Server> {
  const server = await createServer({ env, port: 0, data: folder, logLevel: 'silent' });
  onTestFinished(() => server.close());
  return server;
}

/** What the start says that is refused. */
async function refusal(env: Record<string, string>): Promise<string> {
  const error = await start(env).then(
    () => undefined,
    (refused: unknown) => refused,
  );
  if (!(error instanceof MillraceError)) throw new Error('The server started.', { cause: error });
  return `${error.code}: ${error.message}`;
}

describe('[CLU-50] a start is refused, with what is wrong and what to do,', () => {
  const at = () => `127.0.0.1:${postgres.port}`;

  test('for a host that there is not', async () => {
    expect(await refusal({ DATABASE_URL: 'postgres://u:p@no-such-host.invalid:5432/app' })).toBe(
      'storage_unavailable: The host "no-such-host.invalid" cannot be found. Mend the host in DATABASE_URL, or the name server.',
    );
  });

  test('for a port where nothing answers', async () => {
    expect(await refusal({ DATABASE_URL: 'postgres://u:p@127.0.0.1:1/app' })).toBe(
      'storage_unavailable: Nothing answers at 127.0.0.1:1. Start Postgres there, or mend host and port in DATABASE_URL.',
    );
  });

  test('for a wrong password, which it does not repeat', async () => {
    expect(await refusal({ DATABASE_URL: postgres.url({ password: 'wrong-one' }) })).toBe(
      `storage_unavailable: Postgres at ${at()} refuses the password of "postgres". Mend it in DATABASE_URL.`,
    );
  });

  test('for a database that there is not', async () => {
    expect(await refusal({ DATABASE_URL: postgres.url({ database: 'nowhere' }) })).toContain(
      `There is no database "nowhere" at ${at()}. Create it`,
    );
  });

  test('for a read-only replica', async () => {
    await postgres.stop();
    const standby = await postgres.coldStandby();
    onTestFinished(() => standby.remove());
    await postgres.start();
    expect(await refusal({ DATABASE_URL: standby.url() })).toBe(
      `storage_unavailable: Postgres at 127.0.0.1:${standby.port} is a read-only replica. Let DATABASE_URL name the primary.`,
    );
  });

  test('for a Postgres before 14', async () => {
    const old = await postgresOfVersion('13.14');
    onTestFinished(() => void old.close());
    const { port } = old.address() as { port: number };
    expect(await refusal({ DATABASE_URL: `postgres://u:p@127.0.0.1:${port}/app` })).toBe(
      `storage_unavailable: Postgres at 127.0.0.1:${port} is version 13.14. Upgrade it to 14 or later.`,
    );
  });

  test('for a pooler in transaction mode where there is no Redis; with one it may stand between', async () => {
    const bouncer = await Bouncer.start(postgres, 'transaction');
    onTestFinished(() => bouncer.stop());
    expect(await refusal({ DATABASE_URL: bouncer.url })).toMatch(
      /^config_invalid: DATABASE_URL leads to a pooler .* Set REDIS_URL/,
    );
    const redis = await RedisProcess.start();
    onTestFinished(() => redis.remove());
    const server = await start({ DATABASE_URL: bouncer.url, REDIS_URL: redis.url });
    const { id } = await server.engine.create({ tenant: 'default', by: 'user:ada' }, { workflow: 'w', external: true });
    expect(await server.store.runRow({ tenant: 'default', run: id })).toMatchObject({ head: 1 });
  });

  test('for a Redis that wants a password', async () => {
    const redis = await RedisProcess.start('--requirepass', 'right');
    onTestFinished(() => redis.remove());
    expect(await refusal({ DATABASE_URL: postgres.url(), REDIS_URL: redis.url })).toMatch(
      /^config_invalid: REDIS_URL: the Redis that it names wants a password/,
    );
  });

  test('on the command line with 1 and the same words', async () => {
    const env = { PORT: '0', MILLRACE_DATA: folder, DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/app' };
    const server = new Process('packages/server/src/main.ts', ['start'], env);
    expect(await server.exited).toBe(1);
    expect(server.output).toContain('Error: Nothing answers at 127.0.0.1:1. Start Postgres there');
    expect(server.output).not.toContain('hunter2');
  });
});

test('[CLU-51] a Redis that does not answer keeps no server from starting: it is told at the start and on the ready check', async () => {
  const env = { PORT: '0', MILLRACE_DATA: folder, DATABASE_URL: postgres.url(), REDIS_URL: 'redis://127.0.0.1:1' };
  const server = new Process('packages/server/src/main.ts', ['start'], env);
  onTestFinished(() => server.kill());
  await server.printed(/REDIS_URL: no Redis can be used at 127\.0\.0\.1:1 .* Start it or mend REDIS_URL/);
  const [, url = ''] = await server.printed(/console {2}(http:\/\/[^/]+)\//);
  expect(await (await fetch(`${url}/api/health/ready`)).json()).toEqual({
    status: 'ready',
    warnings: [expect.stringContaining('REDIS_URL: no Redis can be used at 127.0.0.1:1')],
  });
});

test('[CLU-31] doctor tells of a database and of a Redis that cannot be used', async () => {
  const env = { PORT: '0', MILLRACE_DATA: folder, DATABASE_URL: postgres.url(), REDIS_URL: 'redis://127.0.0.1:1' };
  const one = new Process('packages/server/src/main.ts', ['doctor'], env);
  await one.exited;
  expect(one.output).toMatch(
    /✓ Database: can be opened[\s\S]*✗ Between servers: not by Redis\n {4}REDIS_URL: no Redis/,
  );
  const other = new Process('packages/server/src/main.ts', ['doctor'], {
    ...env,
    DATABASE_URL: 'postgres://u:p@127.0.0.1:1/app',
  });
  expect(await other.exited).toBe(1);
  expect(other.output).toContain('✗ Database: Nothing answers at 127.0.0.1:1.');
});

test.skipIf(process.getuid?.() !== 0)(
  '[CLU-52] a full disk refuses appends with what to do, warns on the ready check, and passes by itself',
  async () => {
    const room = await postgres.crampedDatabase('cramped', 48);
    const server = await createServer({
      ...{ env: { DATABASE_URL: postgres.url({ database: 'cramped' }) }, port: 0, data: folder, logLevel: 'silent' },
    });
    try {
      const token = await server.token({ sub: 'root', roles: ['admin'] });
      const post = async (path: string, body: unknown) => {
        const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
        const answer = await fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
        return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
      };
      const { body: run } = await post('/api/runs', { workflow: 'w', external: true });
      let written = 2;
      const append = async () => {
        const answer = await post(`/api/runs/${run.id}/events`, [
          { type: 'log', data: { level: 'info', message: noise(written) } },
        ]);
        if (answer.status === 200) written += 1;
        return answer;
      };
      room.fill();
      let refused = await append();
      while (refused.status === 200) refused = await append();
      expect(refused).toMatchObject({ status: 507, body: { code: 'storage_full', retry: true } });
      const words = `The disk of Postgres at 127.0.0.1:${postgres.port} is full. Free or add space there; it goes on by itself.`;
      expect(refused.body.detail).toBe(words);
      const ready = await fetch(`${server.url}/api/health/ready`);
      expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready', warnings: [words] }]);
      room.free();
      await vi.waitFor(async () => expect((await append()).status).toBe(200), patience);
      expect(await server.store.runRow({ tenant: 'default', run: run.id as string })).toMatchObject({ head: written });
    } finally {
      await server.close();
      await room.remove();
    }
  },
);

/** Text that does not get smaller by compressing it. */
const noise = (seed: number): string => {
  let state = seed + 1;
  const next = () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    return String.fromCharCode(33 + ((state >>> 8) % 90));
  };
  return Array.from({ length: 30_000 }, next).join('');
};

/** Greets as a Postgres of this version does, and says nothing more. */
async function postgresOfVersion(version: string): Promise<TcpServer> {
  const message = (type: string, body: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length + 4);
    return Buffer.concat([Buffer.from(type), length, body]);
  };
  const greeting = Buffer.concat([
    message('R', Buffer.alloc(4)),
    message('S', Buffer.from(`server_version\0${version}\0`)),
    message('Z', Buffer.from('I')),
  ]);
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.write(greeting));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
