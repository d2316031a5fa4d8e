// What a server may be made of: the only file that names drivers.
import type { Clock } from '@millrace/protocol';
import type { Auth } from './auth/auth.ts';
import { createJwtAuth } from './auth/auth-jwt.ts';
import { keepSecret } from './auth/secret.ts';
import { type Bus, type BusMessage, topics } from './bus/bus.ts';
import { LocalBus } from './bus/bus-local.ts';
import { openPostgresBus } from './bus/bus-postgres.ts';
import { openRedisBus, type RedisBusOptions } from './bus/bus-redis.ts';
import type { Config } from './config.ts';
import type { Files } from './files/files.ts';
import { S3Files } from './files/files-s3.ts';
import { StoreFiles } from './files/files-store.ts';
import { JobControls } from './sources/job-controls.ts';
import type { Source } from './sources/source.ts';
import type { RedisSourceOptions } from './sources/source-redis.ts';
import { newEpoch } from './store/epoch.ts';
import type { Store } from './store/store.ts';
import { MemoryStore } from './store/store-memory.ts';
import { openPostgresStore } from './store/store-postgres.ts';
import { openSqliteStore } from './store/store-sqlite.ts';

/** The store that the configuration names, opened as a start does. */
export async function openStore({ store, data, databaseUrl: url }: Config, clock: Clock): Promise<Store> {
  if (store === 'memory') return new MemoryStore(newEpoch(clock.now()));
  return url !== undefined && store === 'postgres'
    ? openPostgresStore({ url, clock })
    : openSqliteStore({ folder: data, clock });
}

/** In the bucket that the configuration names, else in the store's database; those that are there already stay there. */
export function openFiles({ blobs }: Config, store: Store, clock: Clock): Files {
  const before = new StoreFiles(store);
  return blobs === undefined ? before : new S3Files(blobs, { clock, before });
}

/**
 * What carries hints: Redis where there is one, else the database itself, else nothing beyond this process. `space`
 * keeps the servers of several databases apart that share a Redis.
 */
export async function openBus(
  { store, databaseUrl, redisUrl }: Config,
  space: () => string,
  about: Omit<RedisBusOptions, 'url' | 'space'>,
): Promise<Bus> {
  if (store !== 'postgres' || databaseUrl === undefined) return new LocalBus();
  if (redisUrl !== undefined) return openRedisBus({ ...about, url: redisUrl, space });
  return openPostgresBus({ ...about, url: databaseUrl });
}

/** Reads the publishers of jobs, and tells them what becomes of their jobs. */
export async function openRedisSource(options: RedisSourceOptions, bus: Bus): Promise<Source> {
  const { RedisSource } = await import('./sources/source-redis.ts');
  const controls = new JobControls();
  let end = () => {};
  const source = new RedisSource({
    ...options,
    // One server of a cluster tells them, so one hears of all rows.
    reading(on) {
      end();
      end = on ? bus.subscribe(topics.rows(options.tenant), tell) : () => {};
    },
  });
  const tell = (message: BusMessage) => {
    const control = message.kind === 'row' ? controls.next(message.row) : undefined;
    if (control) source.tell(control);
  };
  return {
    trouble: () => source.trouble(),
    close() {
      end();
      return source.close();
    },
  };
}

/** The configured keys, else the data folder's own secret. */
export async function openAuth(config: Config, clock: Clock): Promise<Auth> {
  const { jwksUrl } = config;
  const secret = config.secret ?? (jwksUrl === undefined ? await keepSecret(config.data) : undefined);
  return createJwtAuth(
    { ...(secret === undefined ? {} : { secret }), ...(jwksUrl === undefined ? {} : { jwks: jwksUrl }) },
    clock,
  );
}
