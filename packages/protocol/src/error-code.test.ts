import { expect, test } from 'vitest';
import { MillraceError } from './error-code.ts';
import { toProblem } from './problem.ts';

// error.ts, which knows all rows, is not loaded here: as in a browser.
test('[PRO-8] where the table is not loaded an error has the row that the server told, and else its bare code', () => {
  const bare = new MillraceError('storage_full');
  expect(bare).toMatchObject({ message: 'storage_full', row: { http: 500, retry: false, fix: '' } });
  const row = { http: 507, retry: true, title: 'The store has no room left.', fix: 'Free disk space.' };
  const told = new MillraceError('storage_full', { row });
  expect(told.message).toBe(row.title);
  expect(told.row).toEqual({ ...row, close: null });
  expect(toProblem(told)).toMatchObject({ status: 507, retry: true, fix: row.fix });
});
