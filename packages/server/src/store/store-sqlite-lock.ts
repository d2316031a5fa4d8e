import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MillraceError } from '@millrace/protocol/error';
import Database from 'better-sqlite3';

/**
 * Takes a data folder for this process; the returned function gives it back. The lock is a write lock that SQLite
 * holds on `millrace.lock`, so the operating system frees it however the process ends. The pid stands in a file of
 * its own: reading the locked file from the process that holds it would free the lock.
 *
 * Errors: `data_folder_in_use`, naming the folder and, where it is known, the process.
 */
export function lockFolder(folder: string): () => void {
  const pidFile = join(folder, 'millrace.pid');
  const lock = new Database(join(folder, 'millrace.lock'), { timeout: 0 });
  try {
    lock.pragma('locking_mode = EXCLUSIVE');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    if (!(cause instanceof Database.SqliteError) || !cause.code.startsWith('SQLITE_BUSY')) throw cause;
    throw inUse(folder, pidFile, cause);
  }
  writeFileSync(pidFile, String(process.pid));
  return () => {
    rmSync(pidFile, { force: true });
    lock.close();
  };
}

function inUse(folder: string, pidFile: string, cause: Error): MillraceError {
  const pid = readPid(pidFile);
  const owner = pid === undefined ? 'Another process' : `The process ${pid}`;
  const facts = pid === undefined ? { folder } : { folder, pid };
  return new MillraceError('data_folder_in_use', { detail: `${owner} uses the data folder ${folder}.`, facts, cause });
}

function readPid(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}
