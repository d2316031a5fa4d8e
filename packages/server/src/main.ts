import { existsSync } from 'node:fs';
import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '@millrace/protocol/error';
import { createJwtAuth } from './auth/auth-jwt.ts';
import { readSecret } from './auth/secret.ts';
import { runCli } from './cli/cli.ts';
import type { Inspection } from './cli/host.ts';
import { systemClock } from './clock.ts';
import { type Config, readConfig } from './config.ts';
import { openBus, openStore } from './drivers.ts';
import { builtConsole, createServer, version } from './server.ts';
import { migrateStore } from './store/store-migration.ts';

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  version,
  config: (overrides) => readConfig(process.env, overrides),
  start: (overrides) => createServer({ ...overrides, signals: true }),
  async token(config, claims, ttl) {
    const secret = config.secret ?? (await readSecret(config.data));
    return secret === undefined ? undefined : createJwtAuth({ secret }, systemClock).issue(claims, ttl);
  },
  migrate: (from, to, tell) => migrateStore({ from, to, clock: systemClock, tell }),
  async inspect(config) {
    const problem = await unwritable(config.data);
    return {
      ...(problem === undefined ? {} : { folder: { problem } }),
      database: problem === undefined ? await databaseState(config) : { state: 'none' },
      ...(config.store === 'postgres' ? { hints: await hintsState(config) } : {}),
      consoleBuilt: builtConsole() !== undefined,
    };
  },
});

async function unwritable(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Connects as a start would, and leaves again. */
async function hintsState(config: Config): Promise<NonNullable<Inspection['hints']>> {
  const by = config.redisUrl === undefined ? 'Postgres' : 'Redis';
  const bus = await openBus(config, () => 'doctor', {
    ...{ server: `doctor ${process.pid}`, clock: systemClock, random: Math.random },
    count: () => undefined,
  }).catch((error: Error) => error);
  if (bus instanceof Error) return { by, trouble: bus.message };
  const trouble = bus.trouble?.();
  await bus.close();
  return { by, ...(trouble === undefined ? {} : { trouble }) };
}

/** Opens the database as a start would, and closes it again. */
async function databaseState(config: Config): Promise<Inspection['database']> {
  if (config.store === 'memory') return { state: 'none' };
  if (config.store === 'sqlite' && !existsSync(join(config.data, 'millrace.db'))) return { state: 'none' };
  try {
    const store = await openStore(config, systemClock);
    try {
      await store.check?.();
    } finally {
      await store.close();
    }
    return { state: 'ok' };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    if (error.code === 'data_folder_in_use') return { state: 'in_use' };
    return { state: 'refused', code: error.code, detail: error.message };
  }
}
