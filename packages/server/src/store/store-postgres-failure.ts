import { type ErrorCode, MillraceError } from '@millrace/protocol/error';
import { DatabaseError } from 'pg';

/** Where the database is, for people; without the password. */
export interface PostgresPlace {
  host: string;
  port: number;
  database: string;
  user: string;
}

/** The oldest Postgres that this store works with. */
export const OLDEST = 14;

export const CHECK_VIOLATION = '23514';
export const UNIQUE_VIOLATION = '23505';
const CONNECTION = /^(08|57P0[1235])/;

/** Whether the connection broke before Postgres answered: what was sent may have been done or not. */
export function isLost(error: unknown): boolean {
  return !(error instanceof DatabaseError) || CONNECTION.test(error.code ?? '');
}

/** Whether the statement was undone and may simply be sent again: a deadlock, or a conflict that Postgres saw. */
export const isUndone = (error: unknown): boolean => error instanceof DatabaseError && /^40/.test(error.code ?? '');

/** Whether Postgres refuses for a reason that the same statement may not meet again: no room, no primary, no slot. */
export const isPassing = (error: unknown): boolean =>
  isLost(error) || isUndone(error) || (error instanceof DatabaseError && /^(25|53|55|57|58)/.test(error.code ?? ''));

/** What went wrong, and what to do about it. */
export function failureOf(error: unknown, place: PostgresPlace): MillraceError {
  if (error instanceof MillraceError) return error;
  const answer = (detail: string, code: ErrorCode = 'storage_unavailable') =>
    new MillraceError(code, { detail, cause: error });
  const message = error instanceof Error ? error.message.trim() : String(error);
  const { host, port, database, user } = place;
  const at = `${host}:${port}`;
  switch (codeOf(error)) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return answer(`The host "${host}" cannot be found. Mend the host in DATABASE_URL, or the name server.`);
    case 'ECONNREFUSED':
      return answer(`Nothing answers at ${at}. Start Postgres there, or mend host and port in DATABASE_URL.`);
    case '28P01':
      return answer(`Postgres at ${at} refuses the password of "${user}". Mend it in DATABASE_URL.`);
    case '28000':
      return answer(`Postgres at ${at} does not let "${user}" in: ${message}. Mend DATABASE_URL or pg_hba.conf.`);
    case '3D000':
      return answer(`There is no database "${database}" at ${at}. Create it: CREATE DATABASE "${database}"`);
    case '25006':
      return readOnly(place, error);
    case '42501':
      return answer(
        `"${user}" may not do that: ${message}. Let it own the schema, or create one: ` +
          `GRANT CREATE ON DATABASE "${database}" TO "${user}"`,
      );
    case '53100':
      return answer(
        `The disk of Postgres at ${at} is full. Free or add space there; it goes on by itself.`,
        'storage_full',
      );
    case '53200':
      return answer(`Postgres at ${at} has no memory left: ${message}. Give it more.`, 'storage_full');
    case '53300':
      return answer(
        `Postgres at ${at} has no connection left. Raise max_connections, or let fewer servers and pools use it.`,
      );
    case '57P03':
      return answer(`Postgres at ${at} is starting or stopping. Wait; it goes on by itself.`);
    default:
      return error instanceof DatabaseError && error.code !== undefined
        ? answer(`Postgres at ${at} answers ${error.code}: ${message}.`)
        : answer(`Postgres at ${at} does not answer: ${message}. Look whether it runs and can be reached.`);
  }
}

export function readOnly({ host, port }: PostgresPlace, cause?: unknown): MillraceError {
  const detail = `Postgres at ${host}:${port} is a read-only replica. Let DATABASE_URL name the primary.`;
  return new MillraceError('storage_unavailable', { detail, cause });
}

export function tooOld({ host, port }: PostgresPlace, version: string): MillraceError {
  const detail = `Postgres at ${host}:${port} is version ${version}. Upgrade it to ${OLDEST} or later.`;
  return new MillraceError('storage_unavailable', { detail, facts: { version, oldest: OLDEST } });
}

function codeOf(error: unknown): string | undefined {
  // A name with several addresses fails with one error for each.
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
