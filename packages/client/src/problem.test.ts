import { expect, test } from 'vitest';
import { errorOf } from './problem.ts';
import { errorOfResponse } from './refused-response.ts';

test('[CLT-86] an error is what the server said of it: code, words, facts, and whether to try again', () => {
  const error = errorOf({
    ...{ type: 't', title: 'Too many requests.', status: 429, code: 'rate_limited', fix: 'Wait.', retry: true },
    ...{ retryAfter: 5, instance: 'i' },
  });
  expect(error).toMatchObject({ code: 'rate_limited', message: 'Too many requests.', facts: { retryAfter: 5 } });
  expect(error.row).toEqual({ http: 429, close: null, retry: true, title: 'Too many requests.', fix: 'Wait.' });
  expect(errorOf({ code: 'run_ended', detail: 'It is over.' }).message).toBe('It is over.');
});

test('[CLT-86] a code that this version does not know keeps its name and its words', () => {
  const problem = { code: 'moon_phase', title: 'Not tonight.', retry: true, fix: 'Wait for the moon.' };
  const error = errorOf(JSON.parse(JSON.stringify(problem)));
  expect(error).toMatchObject({ code: 'moon_phase', message: 'Not tonight.', row: { retry: true } });
});

test.each([
  [502, '<h1>Bad gateway</h1>', 'unreachable', true],
  [500, '{"code":7}', 'internal', false],
  [401, 'No.', 'unauthorized', false],
  [418, '', 'internal', false],
  [500, '', 'internal', true],
])('[CLT-86] what somebody between us and the server answered: HTTP %i %s is %s', async (status, body, code, retry) => {
  expect(await errorOfResponse(new Response(body, { status }))).toMatchObject({ code, row: { retry } });
});
