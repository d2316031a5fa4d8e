import type { ErrorCode, ErrorStatus } from './error-status.ts';

export type { ErrorCode };

export interface ErrorText {
  /** what happened, in one sentence */
  title: string;
  /** how to mend it */
  fix: string;
}

export type ErrorRow = ErrorStatus & ErrorText;

/** A refusal as data: what pure decisions return and what every surface shows. */
export interface Refusal {
  code: ErrorCode;
  /** this case in one sentence */
  detail?: string;
  /** machine-readable facts about this case, e.g. `{from, to, allowed}` */
  facts?: Record<string, unknown>;
}

/** RFC 9457 problem+json, the body of every HTTP error and the payload of an `error` frame. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  detail?: string;
  fix: string;
  retry: boolean;
  [fact: string]: unknown;
}

let table = (code: ErrorCode): ErrorRow => ({ http: 500, close: null, retry: false, title: code, fix: '' });

/**
 * Gives errors the rows of their table. A browser does not load it: there an error says what the server's answer said
 * of it, or whoever made it.
 */
export function knowErrors(rows: (code: ErrorCode) => ErrorRow): void {
  table = rows;
}

export function rowOf(code: ErrorCode): ErrorRow {
  return table(code);
}

/** What is said of an error beside its code. */
export interface ErrorAbout {
  detail?: string | undefined;
  facts?: Record<string, unknown> | undefined;
  cause?: unknown;
  /** what whoever refused has said of its row */
  row?: Partial<ErrorRow> | undefined;
}

/** The error that every public function throws: a stable code and how to mend it. */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly facts: Record<string, unknown> | undefined;
  readonly #told: Partial<ErrorRow> | undefined;

  constructor(code: ErrorCode, { detail, facts, cause, row }: ErrorAbout = {}) {
    super(detail ?? row?.title ?? rowOf(code).title, cause === undefined ? undefined : { cause });
    this.name = 'MillraceError';
    this.code = code;
    this.detail = detail;
    this.facts = facts;
    this.#told = row;
  }

  get row(): ErrorRow {
    return { ...rowOf(this.code), ...this.#told };
  }
}
