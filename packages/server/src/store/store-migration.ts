import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error';
import { importIntoPostgres } from './store-postgres-import.ts';
import { SqliteExport } from './store-sqlite-export.ts';

export interface Migration {
  /** the data folder of a server that is stopped */
  from: string;
  /** postgres://user:password@host:port/database, which must be empty */
  to: string;
  clock: Clock;
  /** hears now and then how far it is */
  tell: (progress: MigrationProgress) => void;
}

export interface MigrationProgress {
  runs: number;
  /** how many there are, and how many of them are copied */
  events: number;
  copied: number;
}

/**
 * Copies all that a data folder holds into an empty Postgres database, all or nothing: runs with their logs byte for
 * byte, the epoch, keys of retries, and what is still to be done. The folder keeps what it has.
 *
 * Errors: `config_invalid` (there is no database in the folder, or the other one is not empty), `data_folder_in_use`,
 * `database_corrupt`, `database_too_new`, `storage_unavailable`, `storage_full`.
 */
export async function migrateStore({ from, to, clock, tell }: Migration): Promise<{ runs: number; events: number }> {
  if (!existsSync(join(from, 'millrace.db'))) {
    const detail = `There is no millrace.db in ${from}. Name the data folder of the server that you stopped.`;
    throw new MillraceError('config_invalid', { detail, facts: { folder: from } });
  }
  const source = new SqliteExport({ folder: from, clock });
  try {
    const count = source.count();
    await importIntoPostgres({ url: to, clock }, source, (copied) => tell({ ...count, copied }));
    return count;
  } finally {
    source.close();
  }
}
