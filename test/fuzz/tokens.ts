import { type Clock, MillraceError, type RedactionClass } from '@millrace/protocol';
import type { Auth, Principal, Role } from '../../packages/server/src/auth/auth.ts';

export const TENANT = 't';

/** Who a client is. */
export interface Person {
  id: string;
  roles: readonly Role[];
  hide?: readonly RedactionClass[];
  only?: { tag: string };
}

const scopes = ['run:read', 'run:act', 'run:append', 'task:claim'] as const;

/** A token in the shape of a JWT, so that clients can read when it expires; nobody here forges one. */
export function tokenOf(person: Person, expires: number, jti: number): string {
  const payload = { ...person, exp: Math.floor(expires / 1000), jti };
  return `h.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.s`;
}

/** Reads {@link tokenOf}. Real signatures take the thread pool, and with it as long as they like. */
export function readableAuth(clock: Clock): Auth {
  return {
    async verify(token = ''): Promise<Principal> {
      const [, payload] = token.split('.');
      if (!payload) throw new MillraceError('unauthorized');
      const {
        exp,
        jti: _jti,
        ...person
      } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Person & { exp: number; jti: number };
      const expires = exp * 1000;
      if (expires <= clock.now()) throw new MillraceError('token_expired');
      return { ...person, tenant: TENANT, scopes, expires };
    },
    issue: () => Promise.reject(new MillraceError('config_invalid')),
  };
}
