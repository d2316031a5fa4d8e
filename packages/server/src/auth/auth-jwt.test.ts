import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MillraceError } from '@millrace/protocol';
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import type { Principal } from './auth.ts';
import { createJwtAuth } from './auth-jwt.ts';
import { keepSecret, readSecret } from './secret.ts';

const SECRET = 'a secret for these tests alone';
const clock = new SimulatedClock();
const now = Math.floor(clock.now() / 1000);
const auth = createJwtAuth({ secret: SECRET }, clock);

function sign(claims: Record<string, unknown>, { alg = 'HS256', secret = SECRET } = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret));
}

const unsigned = (claims: object) =>
  `${[{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;

async function outcome(token: string | undefined): Promise<Principal | { code: string; detail: string }> {
  return auth.verify(token).catch((error: MillraceError) => ({ code: error.code, detail: error.message }));
}

const good = { sub: 'ada', exp: now + 60 };

test.each<[string, () => string | undefined | Promise<string>, string]>([
  ['no token', () => undefined, 'unauthorized'],
  ['an empty token', () => '', 'unauthorized'],
  ['garbage', () => 'garbage', 'unauthorized'],
  ['three parts of garbage', () => 'a.b.c', 'unauthorized'],
  ['algorithm none', () => unsigned(good), 'unauthorized'],
  ['another HMAC algorithm', () => sign(good, { alg: 'HS512', secret: SECRET.repeat(4) }), 'unauthorized'],
  ['a wrong secret', () => sign(good, { secret: 'another secret altogether' }), 'unauthorized'],
  ['a changed payload', async () => (await sign(good)).replace(/\.[^.]+\./, '.eyJzdWIiOiJldmUifQ.'), 'unauthorized'],
  ['no expiry', () => sign({ sub: 'ada' }), 'unauthorized'],
  ['no subject', () => sign({ exp: now + 60 }), 'unauthorized'],
  ['an empty subject', () => sign({ ...good, sub: '' }), 'unauthorized'],
  ['a tenant with a separator', () => sign({ ...good, tenant: 'a/b' }), 'unauthorized'],
  ['not valid yet', () => sign({ ...good, nbf: now + 30 }), 'unauthorized'],
  ['expired a second ago', () => sign({ ...good, exp: now - 1 }), 'token_expired'],
])('[SEC-4] a token with %s is refused', async (_name, make, code) => {
  expect(await outcome(await make())).toMatchObject({ code });
});

test.each<[Record<string, unknown>, Partial<Principal>]>([
  [{}, { tenant: 'default', id: 'ada', roles: ['user'], scopes: ['run:read', 'run:act'], expires: (now + 60) * 1000 }],
  [
    { tenant: 'acme', roles: ['operator'] },
    { tenant: 'acme', roles: ['operator'], scopes: ['run:read', 'run:act'] },
  ],
  [{ roles: ['worker'] }, { roles: ['worker'], scopes: ['run:read', 'run:append', 'task:claim'] }],
  [{ roles: ['admin'] }, { scopes: ['run:read', 'run:act', 'run:append', 'task:claim'] }],
  [{ roles: ['wizard'] }, { roles: ['user'], scopes: ['run:read', 'run:act'] }],
  [{ roles: ['admin'], scopes: ['run:read'] }, { scopes: ['run:read'] }],
  [{ scopes: 'run:read run:append email' }, { scopes: ['run:read', 'run:append'] }],
  [
    { only: { run: 'r1' }, hide: ['cost'] },
    { only: { run: 'r1' }, hide: ['cost'] },
  ],
])('[SEC-5] the claims %j mean %j', async (claims, expected) => {
  expect(await outcome(await sign({ ...good, ...claims }))).toMatchObject(expected);
});

test('[SEC-5] what is issued is accepted until it expires', async () => {
  const own = new SimulatedClock();
  const issuer = createJwtAuth({ secret: SECRET }, own);
  const token = await issuer.issue({ sub: 'w1', tenant: 'acme', roles: ['worker'] }, 60);
  expect(await issuer.verify(token)).toMatchObject({ id: 'w1', tenant: 'acme', roles: ['worker'] });
  own.advance(60_000);
  await expect(issuer.verify(token)).rejects.toMatchObject({ code: 'token_expired' });
});

test('[SEC-6] a key set accepts its own signatures, and never an HMAC made with its public key', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  const keyed = createJwtAuth({ jwks: createLocalJWKSet({ keys: [{ ...jwk, alg: 'ES256' }] }) }, clock);
  const token = await new SignJWT(good).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
  expect(await keyed.verify(token)).toMatchObject({ id: 'ada' });
  const forged = await sign(good, { secret: JSON.stringify(jwk) });
  await expect(keyed.verify(forged)).rejects.toMatchObject({ code: 'unauthorized' });
  await expect(auth.verify(token)).rejects.toMatchObject({ code: 'unauthorized' });
  await expect(keyed.issue({ sub: 'ada' }, 60)).rejects.toThrow('MILLRACE_JWKS_URL');
});

test('[SEC-24] an accepted token is judged anew after a minute, and is never accepted beyond its expiry', async () => {
  const own = new SimulatedClock();
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  let keys = [{ ...(await exportJWK(publicKey)), alg: 'ES256' }];
  const keyed = createJwtAuth({ jwks: (header, token) => createLocalJWKSet({ keys })(header, token) }, own);
  const sign = (exp: number) => new SignJWT({ sub: 'ada', exp }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
  const [long, short] = await Promise.all([sign(now + 3_600), sign(now + 10)]);
  for (const token of [long, short]) expect(await keyed.verify(token)).toMatchObject({ id: 'ada' });
  own.advance(9_999);
  for (const token of [long, short]) expect(await keyed.verify(token)).toMatchObject({ id: 'ada' });
  own.advance(1);
  await expect(keyed.verify(short)).rejects.toMatchObject({ code: 'token_expired' });
  keys = [];
  own.advance(49_999);
  expect(await keyed.verify(long)).toMatchObject({ id: 'ada' });
  own.advance(1);
  await expect(keyed.verify(long)).rejects.toMatchObject({ code: 'unauthorized' });
});

test('[SEC-25] only the thousand tokens judged last are remembered', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256' }] });
  let checks = 0;
  const keyed = createJwtAuth(
    {
      jwks: (header, token) => {
        checks++;
        return keys(header, token);
      },
    },
    clock,
  );
  const tokens = await Promise.all(
    Array.from({ length: 1_001 }, (_, n) =>
      new SignJWT({ ...good, jti: String(n) }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey),
    ),
  );
  for (const token of tokens) await keyed.verify(token);
  expect(checks).toBe(1_001);
  for (const token of tokens.slice(1)) await keyed.verify(token);
  expect(checks).toBe(1_001);
  await keyed.verify(tokens[0]);
  expect(checks).toBe(1_002);
});

test("an issuer whose keys cannot be fetched is our trouble, not the token's: it may be tried again", async () => {
  const { privateKey } = await generateKeyPair('ES256');
  const token = await new SignJWT(good).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
  const unreachable = createJwtAuth({ jwks: 'http://127.0.0.1:1/keys.json' }, clock);
  await expect(unreachable.verify(token)).rejects.toMatchObject({ code: 'internal', row: { retry: true } });
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('[SEC-7] the secret is made once, kept in the data folder, and only its owner can read it', async () => {
  const data = join(folder, 'data');
  expect(await readSecret(data)).toBeUndefined();
  const made = await Promise.all([keepSecret(data), keepSecret(data), keepSecret(data)]);
  expect(new Set(made).size).toBe(1);
  expect(made[0]?.length).toBeGreaterThan(40);
  expect(await readSecret(data)).toBe(made[0]);
  expect(await readdir(data)).toEqual(['secret']);
  expect((await stat(join(data, 'secret'))).mode & 0o777).toBe(0o600);
});
