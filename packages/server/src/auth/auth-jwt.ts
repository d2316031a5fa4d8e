import { type Clock, MillraceError, redactionClasses } from '@millrace/protocol';
import { createRemoteJWKSet, decodeProtectedHeader, errors, type JWTVerifyGetKey, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { Auth, Principal, Role, Scope } from './auth.ts';
import { Verdicts } from './verdicts.ts';

export const DEFAULT_TENANT = 'default';

const roles = ['user', 'operator', 'worker', 'admin'] as const satisfies readonly Role[];
const scopes = ['run:read', 'run:act', 'run:append', 'task:claim'] as const satisfies readonly Scope[];

/** What a token may do whose issuer names no scopes. */
const scopesOf: Record<Role, readonly Scope[]> = {
  user: ['run:read', 'run:act'],
  operator: ['run:read', 'run:act'],
  worker: ['run:read', 'run:append', 'task:claim'],
  admin: scopes,
};

/** Algorithms are pinned by kind of key, so a public key can never be used as an HMAC secret. */
const SYMMETRIC = ['HS256'];
const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

const isRole = (name: string): name is Role => roles.some((role) => role === name);
const isScope = (name: string): name is Scope => scopes.some((scope) => scope === name);

const claimsSchema = z.object({
  sub: z.string().min(1).max(200),
  exp: z.number(),
  /** leads every key of the store and every topic of the bus, so it holds no separator of theirs */
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/)
    .default(DEFAULT_TENANT),
  roles: z.array(z.string()).default([]),
  scopes: z.union([z.array(z.string()), z.string().transform((text) => text.split(' '))]).optional(),
  only: z.strictObject({ run: z.string().optional(), tag: z.string().optional() }).optional(),
  hide: z.array(z.enum(redactionClasses as [string, ...string[]])).optional(),
  jti: z.string().optional(),
  /** a scoped token of ours: its `jti` names the grant; other issuers' tokens may carry a `jti` as well */
  use: z.string().optional(),
});

const SCOPED = 'scoped';

export interface JwtKeys {
  /** HS256; also signs what `issue` makes */
  secret?: string;
  /** address of the JSON Web Key Set of another issuer, or the keys themselves */
  jwks?: string | JWTVerifyGetKey;
}

/** Tokens signed with our secret, or by an issuer whose keys are at a JWKS address, or both. */
export function createJwtAuth({ secret, jwks }: JwtKeys, clock: Clock): Auth {
  const ours = secret === undefined ? undefined : new TextEncoder().encode(secret);
  const theirs = typeof jwks === 'string' ? remoteKeys(jwks) : jwks;
  const verdicts = new Verdicts(clock);

  const claimsOf = (token: string) => {
    const options = { currentDate: new Date(clock.now()), requiredClaims: ['exp', 'sub'] };
    const symmetric = SYMMETRIC.includes(decodeProtectedHeader(token).alg ?? '');
    if (symmetric && ours) return jwtVerify(token, ours, { ...options, algorithms: SYMMETRIC });
    if (!symmetric && theirs) return jwtVerify(token, theirs, { ...options, algorithms: ASYMMETRIC });
    throw new MillraceError('unauthorized', {
      detail: 'The token is signed with an algorithm that is not accepted here.',
    });
  };

  return {
    async verify(token) {
      if (token === undefined || token === '')
        throw new MillraceError('unauthorized', { detail: 'There is no token.' });
      const known = verdicts.find(token);
      if (known) return known;
      try {
        const principal = principalOf((await claimsOf(token)).payload);
        verdicts.keep(token, principal);
        return principal;
      } catch (error) {
        throw refusal(error);
      }
    },

    async issue({ sub, tenant = DEFAULT_TENANT, roles: granted = ['user'], scopes: named, grant }, ttl) {
      if (!ours) {
        throw new MillraceError('config_invalid', {
          detail: 'This server makes no tokens: they come from the issuer behind MILLRACE_JWKS_URL.',
        });
      }
      const seconds = Math.floor(clock.now() / 1000);
      const held = { roles: [...granted], ...(named ? { scopes: [...named] } : {}) };
      return new SignJWT({ tenant, ...(grant === undefined ? held : { use: SCOPED, jti: grant }) })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(sub)
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + ttl)
        .sign(ours);
    },
  };
}

function principalOf(payload: unknown): Principal {
  const parsed = claimsSchema.safeParse(payload);
  if (!parsed.success) {
    const claim = parsed.error.issues[0]?.path.join('.');
    throw new MillraceError('unauthorized', { detail: `The token's claim "${claim}" cannot be used.` });
  }
  const { sub, exp, tenant, roles: named, scopes: allowed, only, hide, jti, use } = parsed.data;
  // By itself a scoped token allows nothing at all.
  if (use === SCOPED) return { tenant, id: sub, roles: [], scopes: [], expires: exp * 1000, grant: jti ?? '' };
  const known = named.filter(isRole);
  const held: readonly Role[] = known.length > 0 ? known : ['user'];
  return {
    tenant,
    id: sub,
    roles: held,
    scopes: allowed?.filter(isScope) ?? scopes.filter((scope) => held.some((role) => scopesOf[role].includes(scope))),
    expires: exp * 1000,
    ...(only ? { only: { ...(only.run ? { run: only.run } : {}), ...(only.tag ? { tag: only.tag } : {}) } } : {}),
    ...(hide ? { hide: redactionClasses.filter((kind) => hide.includes(kind)) } : {}),
  };
}

function refusal(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  if (error instanceof errors.JWTExpired) return new MillraceError('token_expired');
  if (error instanceof errors.JWTClaimValidationFailed) {
    return new MillraceError('unauthorized', {
      detail: `The token's claim "${error.claim}" is missing or cannot be used.`,
    });
  }
  return new MillraceError('unauthorized', { detail: "The token is not one of this server's, or it is damaged." });
}

/** An issuer that does not answer is no fault of the token: its bearer may try again. */
function remoteKeys(address: string): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(new URL(address));
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (cause) {
      if (cause instanceof errors.JWKSNoMatchingKey) throw cause;
      throw new MillraceError('internal', { detail: "The issuer's keys could not be fetched.", cause });
    }
  };
}
