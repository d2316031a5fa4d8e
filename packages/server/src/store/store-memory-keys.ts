import type { RunKey } from './store.ts';

/** A key of a map, out of texts that may hold any character. */
export function id(key: RunKey): string;
export function id(...parts: string[]): string;
export function id(first: RunKey | string, ...rest: string[]): string {
  return JSON.stringify(typeof first === 'string' ? [first, ...rest] : [first.tenant, first.run]);
}

export const sameRun = (a: RunKey, b: RunKey): boolean => a.tenant === b.tenant && a.run === b.run;

export const least = (times: number[]): number | undefined => times.toSorted((a, b) => a - b)[0];

/** The order of databases: by UTF-8 bytes. */
export const byText = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
