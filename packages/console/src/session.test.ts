import { expect, test } from 'vitest';
import { type Page, takeToken } from './session.ts';

function page(href: string, kept: Record<string, string> = {}) {
  const store = new Map(Object.entries(kept));
  const shown: string[] = [];
  const storage: Page['storage'] = {
    getItem: (key) => store.get(key) ?? null,
    setItem: (key, value) => void store.set(key, value),
  };
  return {
    location: { href },
    history: { replaceState: (_: unknown, __: string, url: string) => shown.push(url) },
    storage,
    shown,
  };
}

test('[UI-7] the token of the address is kept and taken out of the address bar; the rest of the address stays', () => {
  const first = page('http://localhost:4600/runs/r1?token=abc.def&status=failed#log');
  expect(takeToken(first)).toBe('abc.def');
  expect(first.shown).toEqual(['/runs/r1?status=failed#log']);
  expect(takeToken({ ...first, location: { href: 'http://localhost:4600/' } })).toBe('abc.def');
});

test('[UI-7] a newer token replaces the kept one; an empty one does not', () => {
  const kept = { 'millrace.token': 'old' };
  expect(takeToken(page('http://localhost/?token=new', kept))).toBe('new');
  const empty = page('http://localhost/?token=', kept);
  expect(takeToken(empty)).toBe('old');
  expect(empty.shown).toEqual(['/']);
});

test('a browser that forbids storage can still sign in', () => {
  const denied = page('http://localhost/?token=abc');
  denied.storage.setItem = denied.storage.getItem = () => {
    throw new Error('denied');
  };
  expect(takeToken(denied)).toBe('abc');
  expect(takeToken({ ...denied, location: { href: 'http://localhost/' } })).toBeUndefined();
});
