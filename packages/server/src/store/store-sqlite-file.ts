import { closeSync, existsSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { MillraceError } from '@millrace/protocol/error';
import Database from 'better-sqlite3';

/** A database up to this size is checked at every start, and up to the second one after an unclean end; bytes. */
const CHECKED = 64 * 1024 * 1024;
const CHECKED_UNCLEAN = 1024 * 1024 * 1024;

/**
 * Looks at a database file before anything may change it.
 * Errors: `database_corrupt` (no SQLite file, cut off, damaged inside, or not ours), `database_too_new`. Then the
 * file and its journal are as they were, byte for byte.
 *
 * @param version the newest layout that this program reads
 */
export function inspectFile(file: string, version: number): void {
  checkHeader(file);
  const before = new Set(siblings(file));
  try {
    const db = new Database(file, { readonly: true, timeout: 0 });
    try {
      checkInside(db, file, version);
    } finally {
      db.close();
    }
  } catch (cause) {
    throw cause instanceof Database.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(cause.code)
      ? corrupt(file, cause.message, cause)
      : cause;
  } finally {
    for (const path of siblings(file)) if (!before.has(path)) rmSync(path);
  }
}

/** The database's journals, which SQLite makes beside it. */
const siblings = (file: string): string[] =>
  readdirSync(dirname(file))
    .filter((name) => name === `${basename(file)}-wal` || name === `${basename(file)}-shm`)
    .map((name) => join(dirname(file), name));

/** The first 100 bytes: https://www.sqlite.org/fileformat2.html#the_database_header */
function checkHeader(file: string): void {
  const header = Buffer.alloc(100);
  const descriptor = openSync(file, 'r');
  const read = readSync(descriptor, header, 0, header.length, 0);
  closeSync(descriptor);
  if (read < header.length || header.toString('latin1', 0, 16) !== 'SQLite format 3\0') {
    throw corrupt(file, 'it is not an SQLite database');
  }
  const stored = header.readUInt16BE(16);
  const pageSize = stored === 1 ? 65_536 : stored;
  const { size } = statSync(file);
  const expected = header.readUInt32BE(28) * pageSize;
  // While there is a journal, pages that the header counts may still stand there alone.
  const journal = `${file}-wal`;
  const whole = existsSync(journal) && statSync(journal).size > 0;
  if (!whole && size < expected) throw corrupt(file, `it has ${size} bytes and should have ${expected}`);
}

function checkInside(db: Database.Database, file: string, version: number): void {
  const known = db.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'meta'").pluck().get();
  if (known !== 1) throw corrupt(file, 'it is not a database of Millrace');
  const meta = readMeta(db);
  const minReader = Number(meta.minReader);
  if (minReader > version) {
    const detail = `The database ${file} needs a program that reads layout ${minReader}; this one reads ${version}.`;
    throw new MillraceError('database_too_new', { detail, facts: { file, minReader, version } });
  }
  if (statSync(file).size > (meta.clean === '1' ? CHECKED : CHECKED_UNCLEAN)) return;
  const found = db.pragma('quick_check(1)', { simple: true });
  if (found !== 'ok') throw corrupt(file, String(found));
}

function corrupt(file: string, reason: string, cause?: unknown): MillraceError {
  return new MillraceError('database_corrupt', {
    detail: `The database ${file} is damaged: ${reason}.`,
    facts: { file },
    cause,
  });
}

/**
 * What the database knows of itself. `version`: the layout; `minReader`: the oldest program that reads it;
 * `epoch`; `clean`: 1 = nobody has it open; `synchronous`: how sure the writes of the one who has (or had) it open are.
 */
export type Meta = Record<'version' | 'minReader' | 'epoch' | 'clean' | 'synchronous', string>;

export function readMeta(db: Database.Database): Partial<Meta> {
  const rows = db.prepare<[], { key: string; value: string }>('SELECT key, value FROM meta').all();
  return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
}

export function writeMeta(db: Database.Database, changes: Partial<Meta>): void {
  const put = db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  for (const [key, value] of Object.entries(changes)) put.run(key, value);
}
