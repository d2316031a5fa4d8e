import { expect, test, vi } from 'vitest';
import { Api } from './api.ts';
import { SimulatedClock } from './simulated-clock.suite.ts';
import { TokenSource } from './token.ts';
import { nativePlatform } from './transport.ts';

test('[CLT-41] a retry is asked for under one key, so that a repeat of it makes no second run', async () => {
  const fetch = vi.fn(async () => Response.json({ id: 'run-2', seq: 1, repeated: false }));
  const platform = { ...nativePlatform(new SimulatedClock()), fetch };
  const api = new Api({ url: 'http://x', tokens: new TokenSource('t'), platform, newKey: () => 'made' });
  expect(await api.retry('a/b', { from: 'failed' })).toEqual({ id: 'run-2', seq: 1, repeated: false });
  await api.retry('a/b', { from: { node: 'n' } }, 'mine');
  const sent = (key: string, body: unknown) => [
    'http://x/api/runs/a%2Fb/retry',
    expect.objectContaining({
      method: 'POST',
      headers: expect.objectContaining({ 'idempotency-key': key }),
      body: JSON.stringify(body),
    }),
  ];
  expect(fetch.mock.calls).toEqual([sent('made', { from: 'failed' }), sent('mine', { from: { node: 'n' } })]);
});
