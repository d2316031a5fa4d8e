import { beforeEach, expect, test } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import { MemoryStore } from '../store/store-memory.ts';
import { byOf, maySee, type Principal, spendOf } from './auth.ts';
import { createJwtAuth } from './auth-jwt.ts';
import { createScopedAuth, type GrantRequest, type ScopedAuth } from './scoped.ts';

const SECRET = 'a secret for these tests alone';
let clock: SimulatedClock;
let store: MemoryStore;
let auth: ScopedAuth;
let ids = 0;
beforeEach(() => {
  clock = new SimulatedClock();
  store = new MemoryStore('epoch');
  auth = createScopedAuth(createJwtAuth({ secret: SECRET }, clock), store, clock, () => `g${++ids}`);
});

const ada: Principal = {
  ...{ tenant: 'acme', id: 'ada', roles: ['user'], scopes: ['run:read', 'run:act'] },
  ...{ expires: Number.MAX_SAFE_INTEGER, hide: ['cost'] },
};
const request: GrantRequest = { run: 'r1', access: 'act', expiresIn: 60_500, oneTime: false, hide: ['log'] };
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'accepted',
    (error: { code: string }) => error.code,
  );

test('[SEC-20] a scoped token is its grant: tenant, run, access and what is hidden, also from its maker', async () => {
  const { token, id } = await auth.grant(ada, request);
  const principal = await auth.verify(token);
  expect(principal).toMatchObject({ tenant: 'acme', roles: [], scopes: ['run:read', 'run:act'], only: { run: 'r1' } });
  expect(principal.hide).toEqual(['log', 'cost']);
  expect(byOf(principal)).toBe(`link:${id}`);
  expect(spendOf(principal)).toEqual({});
  expect(maySee(principal, { id: 'r1' })).toBe(true);
  expect(maySee(principal, { id: 'r2', owner: id })).toBe(false);
  const once = await auth.grant(ada, { ...request, oneTime: true });
  expect(spendOf(await auth.verify(once.token))).toEqual({ spend: once.id });
  expect(await codeOf(auth.grant(ada, { access: 'act', expiresIn: 1, oneTime: false, hide: [] }))).toBe(
    'invalid_request',
  );
});

test('[SEC-21] a scoped token lives to the ms that it was given, and its link is spent from then on', async () => {
  const { token, expires } = await auth.grant(ada, { ...request, wait: 'w' });
  expect(expires).toBe(clock.now() + 60_500);
  await clock.advance(60_499);
  expect(await codeOf(auth.verify(token))).toBe('accepted');
  await clock.advance(1);
  expect(await codeOf(auth.verify(token))).toBe('unauthorized');
  expect(auth.alive(await auth.open(token))).toBe(false);
  await clock.advance(60_000);
  expect(await codeOf(auth.verify(token))).toBe('token_expired');
  expect(await codeOf(auth.open(token))).toBe('link_spent');
});

test('[SEC-21] a revoked grant, and one that is gone with its run, allow nothing', async () => {
  const { token, id } = await auth.grant(ada, request);
  expect(await auth.verify(token)).toMatchObject({ grant: id }); // and is remembered
  await store.revokeGrant('acme', id, clock.now());
  expect(await codeOf(auth.verify(token))).toBe('unauthorized');
  const other = createScopedAuth(createJwtAuth({ secret: SECRET }, clock), new MemoryStore('other'), clock, () => 'x');
  expect(await codeOf(other.verify(token))).toBe('unauthorized');
});

test('[SEC-22] a link for a wait allows nothing by itself, and only such a link can be opened', async () => {
  const { token } = await auth.grant(ada, { ...request, wait: 'w' });
  expect((await auth.verify(token)).scopes).toEqual([]);
  expect(await auth.open(token)).toMatchObject({ run: 'r1', wait: 'w', tenant: 'acme' });
  const plain = await auth.issue({ sub: 'ada' }, 60);
  for (const wrong of [plain, (await auth.grant(ada, request)).token, 'garbage']) {
    expect(await codeOf(auth.open(wrong))).toBe('unauthorized');
  }
});

test('[SEC-20] without its grant beside it a scoped token has no role and no scope', async () => {
  const { token } = await auth.grant(ada, request);
  const bare = await createJwtAuth({ secret: SECRET }, clock).verify(token);
  expect(bare).toMatchObject({ roles: [], scopes: [] });
});
