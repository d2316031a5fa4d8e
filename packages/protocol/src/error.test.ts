import { describe, expect, test } from 'vitest';
import { errors, isErrorCode, MillraceError, toProblem } from './error.ts';

describe('[PRO-8] the table of errors', () => {
  test('gives each code a name, a status, a sentence that says what and one that says how to mend it', () => {
    for (const [code, row] of Object.entries(errors)) {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(row.http, code).toBeGreaterThanOrEqual(400);
      expect(row.http, code).toBeLessThan(600);
      expect(row.title, code).toMatch(/^[A-Z].*\.$/);
      expect(row.fix, code).toMatch(/^[A-Z].*\.$/);
    }
  });

  test('closes sockets with codes that a server may send', () => {
    const allowed = (code: number) => [1008, 1009, 1011, 1012, 1013].includes(code) || (code >= 4000 && code <= 4999);
    for (const { close } of Object.values(errors)) if (close !== null) expect(allowed(close), `${close}`).toBe(true);
  });

  test('advises a retry only where the server or the limit may change', () => {
    const retried = Object.entries(errors).flatMap(([code, row]) => (row.retry ? [code] : []));
    for (const code of ['event_invalid', 'run_ended', 'stale_attempt', 'unauthorized'])
      expect(retried).not.toContain(code);
    for (const code of ['storage_full', 'rate_limited', 'shutting_down']) expect(retried).toContain(code);
  });
});

test('an error is told as a problem, whose own fields no fact can replace', () => {
  const facts = { from: 'paused', status: 'x', code: 'y', fix: 'z' };
  expect(toProblem({ code: 'invalid_transition', detail: 'No.', facts })).toEqual({
    type: 'https://millrace.dev/errors#invalid_transition',
    title: errors.invalid_transition.title,
    status: 409,
    code: 'invalid_transition',
    detail: 'No.',
    fix: errors.invalid_transition.fix,
    retry: false,
    from: 'paused',
  });
});

test('an error says what happened, keeps its cause and knows its row', () => {
  const cause = new Error('disk');
  const error = new MillraceError('storage_full', { cause, facts: { bytes: 0 } });
  expect(error).toMatchObject({
    message: errors.storage_full.title,
    cause,
    facts: { bytes: 0 },
    row: errors.storage_full,
  });
  expect(new MillraceError('storage_full', { detail: 'No room.' }).message).toBe('No room.');
  expect(toProblem(error)).toMatchObject({ status: 507, bytes: 0, retry: true });
  expect(['storage_full', 'constructor', 'x', 7].map(isErrorCode)).toEqual([true, false, false, false]);
});
