import { type Clock, MillraceError, type RedactionClass, redactionClasses } from '@millrace/protocol';
import type { GrantRow, Store } from '../store/store.ts';
import { type Auth, byOf, type Principal, type Scope } from './auth.ts';

/** What a scoped token is to allow: one run or one tag, to read or to act, or the answer to one wait of one run. */
export interface GrantRequest {
  run?: string;
  tag?: string;
  /** the approval or input that it may answer; nothing else is allowed then */
  wait?: string;
  access: 'read' | 'act';
  /** ms from now */
  expiresIn: number;
  /** the first command, or the answer, spends it */
  oneTime: boolean;
  /** classes of events that its bearer never sees */
  hide: readonly RedactionClass[];
}

export interface ScopedToken {
  id: string;
  token: string;
  /** ms since the epoch */
  expires: number;
}

/** Tokens of both kinds: those that say themselves what they allow, and scoped ones, whose grant is in the store. */
export interface ScopedAuth extends Auth {
  /** Makes a scoped token that allows no more than `principal` may give away; who may give what is the route's matter. */
  grant(principal: Principal, request: GrantRequest): Promise<ScopedToken>;
  /**
   * The grant behind a link that answers a wait, also where it has ended. Errors: `link_spent` where the token has
   * expired or its grant is gone, `unauthorized` where it is no such token.
   */
  open(token: string): Promise<GrantRow & { run: string; wait: string }>;
  /** Whether a grant still allows anything. */
  alive(grant: GrantRow): boolean;
}

const scopesOf = { read: ['run:read'], act: ['run:read', 'run:act'] } as const satisfies Record<string, Scope[]>;

/**
 * A scoped token is a signed JWT that only names a grant: signature and expiry are checked as with any token, and what
 * it allows is read from the store each time, so that it can be revoked and spent.
 */
export function createScopedAuth(auth: Auth, store: Store, clock: Clock, newId: () => string): ScopedAuth {
  const alive = ({ endedAt, expires }: GrantRow) => endedAt === undefined && expires > clock.now();

  return {
    alive,
    issue: (claims, ttl) => auth.issue(claims, ttl),

    async verify(token) {
      const principal = await auth.verify(token);
      if (principal.grant === undefined) return principal;
      const grant = await store.grant(principal.tenant, principal.grant);
      if (!grant || !alive(grant)) {
        throw new MillraceError('unauthorized', {
          detail: 'This scoped token has been used, has expired, or was revoked.',
        });
      }
      return principalOf(principal, grant);
    },

    async grant(principal, { run, tag, wait, access, expiresIn, oneTime, hide }) {
      const { tenant } = principal;
      if (run === undefined && tag === undefined)
        throw new MillraceError('invalid_request', { detail: 'Expected a run or a tag.' });
      const [id, now] = [newId(), clock.now()];
      const expires = now + expiresIn;
      // Signed first: where this server cannot sign, nothing is stored. The grant ends sooner than the token, by the ms.
      const token = await auth.issue({ sub: id, tenant, grant: id }, Math.ceil(expiresIn / 1000) + 1);
      const hidden = redactionClasses.filter((kind) => hide.includes(kind) || principal.hide?.includes(kind));
      await store.putGrant({
        ...{ tenant, id, access, hide: hidden, oneTime, expires, by: byOf(principal), createdAt: now },
        ...(run === undefined ? {} : { run }),
        ...(tag === undefined ? {} : { tag }),
        ...(wait === undefined ? {} : { wait }),
      });
      return { id, token, expires };
    },

    async open(token) {
      const { tenant, grant: id } = await auth.verify(token).catch((error: unknown) => {
        throw error instanceof MillraceError && error.code === 'token_expired'
          ? new MillraceError('link_spent')
          : error;
      });
      if (id === undefined) throw new MillraceError('unauthorized', { detail: 'This token is not a link.' });
      const grant = await store.grant(tenant, id);
      if (!grant) throw new MillraceError('link_spent');
      const { run, wait } = grant;
      if (run === undefined || wait === undefined) {
        throw new MillraceError('unauthorized', { detail: 'This token is not for the answer to a wait.' });
      }
      return { ...grant, run, wait };
    },
  };
}

/** A link for one wait may answer it on its own page and nowhere else. */
function principalOf({ tenant, id, expires }: Principal, grant: GrantRow): Principal {
  const { run, tag, wait, access, hide, oneTime } = grant;
  return {
    ...{ tenant, id, roles: [], grant: grant.id },
    scopes: wait === undefined ? scopesOf[access] : [],
    expires: Math.min(expires, grant.expires),
    only: { ...(run === undefined ? {} : { run }), ...(tag === undefined ? {} : { tag }) },
    ...(hide.length > 0 ? { hide: redactionClasses.filter((kind) => hide.includes(kind)) } : {}),
    ...(oneTime ? { oneTime: true } : {}),
  };
}
