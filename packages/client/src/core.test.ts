import { expect, test, vi } from 'vitest';

vi.mock('react', () => {
  throw new Error('The core imported react.');
});

test('[CLT-20] the core and present load without React and without a DOM', async () => {
  expect(typeof globalThis.document).toBe('undefined');
  const core = await import('./index.ts');
  const present = await import('./present.ts');
  expect(core.createClient({ url: 'http://127.0.0.1:1', token: 't' }).connection.getSnapshot().state).toBe('idle');
  expect(present.durationText(1_000)).toBe('1.0 s');
  expect(() => core.createClient({ url: 'nowhere', token: 't' })).toThrow(core.MillraceError);
});
