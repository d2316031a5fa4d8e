import { MillraceError } from '@millrace/protocol/error';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Auth, byOf, hasScope, maySee, type Principal, type Role, type Scope } from '../auth/auth.ts';
import { isLoopback } from '../auth/gate.ts';
import { localUser } from '../auth/local-user.ts';
import type { Caller } from '../engine/face.ts';
import type { RunRow, Store } from '../store/store.ts';
import type { Parts } from './parts.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** who may call the route: everybody, or whoever holds one of the scopes; every route has to say it */
    access?: 'public' | readonly Scope[];
    /** and has one of these roles */
    roles?: readonly Role[];
    /** also with a token for one run or tag alone: the route looks which run it is about */
    limited?: true;
    /** also with a token that hides classes of events: the route's answers hold nothing of them */
    redacts?: true;
    /** also without a token, from this machine, where no keys are configured: as the user `local` */
    tokenless?: true;
  }
  interface FastifyRequest {
    principal: Principal | null;
  }
}

/** Asks every request for its token before its body is read. A route that names no access does not get registered. */
export function guard(app: FastifyInstance, auth: Auth, { tokenless: open }: Pick<Parts, 'tokenless'>): void {
  app.decorateRequest('principal', null);
  app.addHook('onRoute', (route) => {
    if (route.config?.access === undefined)
      throw new Error(`${route.method} ${route.url} does not say who may call it`);
  });
  app.addHook('onRequest', async (request) => {
    const { access = 'public', roles, limited, redacts, tokenless } = request.routeOptions.config;
    if (access === 'public') return;
    const token = tokenOf(request);
    const local = open && tokenless && token === undefined && isLocal(request);
    const principal = local ? localUser : await auth.verify(token);
    allow(principal, access);
    if (roles && !principal.roles.some((role) => roles.includes(role))) {
      throw new MillraceError('forbidden', {
        detail: `This needs one of the roles ${roles.join(', ')}.`,
        facts: { roles },
      });
    }
    if (principal.only && !limited) {
      throw new MillraceError('forbidden', {
        detail: 'This token is for one run or tag alone.',
        facts: { only: principal.only },
      });
    }
    if (principal.hide?.length && !redacts) {
      throw new MillraceError('forbidden', { detail: 'This token hides parts of runs. Read the events instead.' });
    }
    request.principal = principal;
  });
}

/** Throws `forbidden`, naming the scopes, unless the principal holds one of them. */
export function allow(principal: Principal, scopes: readonly Scope[]): void {
  if (scopes.some((scope) => hasScope(principal, scope))) return;
  throw new MillraceError('forbidden', {
    detail: `The token lacks the scope ${scopes.join(' or ')}.`,
    facts: { scopes },
  });
}

/** Browsers cannot set headers on an EventSource or a download link, so a GET may carry its token in the query. */
function tokenOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header !== undefined) return /^Bearer +(.+)$/i.exec(header)?.[1];
  const { token } = request.query as { token?: unknown };
  return request.method === 'GET' && typeof token === 'string' ? token : undefined;
}

/** Asked from this machine itself: not even a proxy on it stands between. */
function isLocal({ raw }: FastifyRequest): boolean {
  const { authorization, forwarded, 'x-forwarded-for': by } = raw.headers;
  return (
    [authorization, forwarded, by].every((header) => header === undefined) &&
    isLoopback((raw.socket.remoteAddress ?? '').replace(/^::ffff:/, ''))
  );
}

export function principalOf(request: FastifyRequest): Principal {
  if (!request.principal) throw new MillraceError('unauthorized');
  return request.principal;
}

export function callerOf(request: FastifyRequest): Caller {
  const principal = principalOf(request);
  return { tenant: principal.tenant, by: byOf(principal) };
}

/**
 * The run's row; a run that the principal may not see looks like one that does not exist (`run_not_found`). Whose a
 * deleted run was is not known any more: all of its tenant are told that it was deleted (`run_deleted`).
 */
export async function visibleRun(store: Store, principal: Principal, run: string): Promise<RunRow> {
  const key = { tenant: principal.tenant, run };
  const row = await store.runRow(key);
  if (row && maySee(principal, row.summary)) return row;
  const everywhere = principal.only === undefined || principal.only.run === run;
  throw new MillraceError(!row && everywhere && (await store.wasDeleted(key)) ? 'run_deleted' : 'run_not_found');
}
