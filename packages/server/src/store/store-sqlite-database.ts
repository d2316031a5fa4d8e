import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error';
import Database from 'better-sqlite3';
import { newEpoch } from './epoch.ts';
import { sqlite0001 } from './migrations/sqlite-0001.ts';
import { sqlite0002 } from './migrations/sqlite-0002.ts';
import { sqlite0003 } from './migrations/sqlite-0003.ts';
import { inspectFile, readMeta, writeMeta } from './store-sqlite-file.ts';
import { lockFolder } from './store-sqlite-lock.ts';

export interface SqliteOptions {
  /** where `millrace.db` lies, made if need be; or `:memory:`, gone with the process */
  folder: string;
  clock: Clock;
  /** FULL (the default): what is acknowledged survives a power cut. NORMAL: it survives a crash of the process. */
  synchronous?: 'FULL' | 'NORMAL';
  /** the database may not grow beyond so many pages of 4,096 bytes */
  maxPages?: number;
  /** how much of the newest commits may stand in the journal alone, in bytes; 4 MiB by default */
  late?: number;
  /** for the epoch; default node:crypto's */
  random?: (bytes: number) => Uint8Array;
}

export interface OpenDatabase {
  db: Database.Database;
  epoch: string;
  late: number;
  /** Marks the database as cleanly closed, closes it, and gives the folder back. */
  close(): void;
}

/** In order; a migration's number is its place, from 1. `minReader`: the oldest program that can read the result. */
const migrations: readonly { sql: string; minReader: number }[] = [
  { sql: sqlite0001, minReader: 1 },
  { sql: sqlite0002, minReader: 2 }, // an older program would leave waits open and hand out work without a slot
  { sql: sqlite0003, minReader: 3 }, // an older program would look for events in a table that is gone
];

/**
 * Opens a data folder, or makes it. One process owns it from then on.
 * Errors: `data_folder_in_use`, `database_corrupt`, `database_too_new`: nothing was changed.
 */
export function openDatabase(options: SqliteOptions): OpenDatabase {
  const { folder } = options;
  if (folder === ':memory:') return begin(create(folder), options, { restored: false, unlock: () => {} });
  mkdirSync(folder, { recursive: true });
  const unlock = lockFolder(folder);
  let db: Database.Database | undefined;
  try {
    const file = join(folder, 'millrace.db');
    if (existsSync(file)) inspectFile(file, migrations.length);
    else createFile(file);
    db = new Database(file);
    const marker = join(folder, 'restored');
    const open = begin(db, options, { restored: existsSync(marker), unlock });
    rmSync(marker, { force: true });
    return open;
  } catch (error) {
    db?.close();
    unlock();
    throw error;
  }
}

/** Under another name until it is complete, so that a start cut off here leaves no half of a database. */
function createFile(file: string): void {
  const draft = `${file}.new`;
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(draft + suffix, { force: true });
  create(draft).close();
  renameSync(draft, file);
  if (process.platform === 'win32') return; // there a folder cannot be synced
  const folder = openSync(dirname(file), 'r');
  fsyncSync(folder);
  closeSync(folder);
}

function create(path: string): Database.Database {
  const db = new Database(path);
  db.pragma('auto_vacuum = INCREMENTAL'); // before WAL and before the first table, or it stays 0
  db.pragma('journal_mode = WAL');
  if (db.pragma('auto_vacuum', { simple: true }) !== 2) {
    db.close();
    throw new MillraceError('storage_unavailable', { detail: 'SQLite did not accept auto_vacuum = INCREMENTAL.' });
  }
  db.exec('CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID');
  writeMeta(db, { version: '0', minReader: '0', clean: '1', synchronous: 'FULL' });
  return db;
}

function begin(
  db: Database.Database,
  { clock, synchronous = 'FULL', maxPages, late = 4 * 1024 * 1024, random }: SqliteOptions,
  { restored, unlock }: { restored: boolean; unlock: () => void },
): OpenDatabase {
  db.pragma('synchronous = FULL');
  db.pragma('busy_timeout = 5000');
  db.pragma('foreign_keys = OFF');
  db.pragma('temp_store = MEMORY');
  db.pragma('cache_size = -16384'); // 16 MiB: more is a viewer's memory, and no faster
  db.pragma('wal_autocheckpoint = 4000'); // pages, 16 MiB: a page that many commits change is copied back once
  db.pragma('journal_size_limit = 67108864');

  const epoch = db.transaction(() => {
    migrate(db);
    const meta = readMeta(db);
    const lost = meta.clean !== '1' && meta.synchronous !== 'FULL';
    const next = meta.epoch === undefined || lost || restored ? newEpoch(clock.now(), meta.epoch, random) : meta.epoch;
    writeMeta(db, { epoch: next, clean: '0', synchronous });
    return next;
  })();
  db.pragma(`synchronous = ${synchronous}`);
  if (maxPages !== undefined) db.pragma(`max_page_count = ${maxPages}`);

  return {
    db,
    epoch,
    late,
    close() {
      try {
        writeMeta(db, { clean: '1' });
      } catch {
        // On a full disk the mark stays as it is, and the next start looks more closely.
      } finally {
        db.close();
        unlock();
      }
    },
  };
}

function migrate(db: Database.Database): void {
  const from = Number(readMeta(db).version);
  const pending = migrations.slice(from);
  for (const { sql } of pending) db.exec(sql);
  const last = pending.at(-1);
  if (last) writeMeta(db, { version: String(migrations.length), minReader: String(last.minReader) });
}
