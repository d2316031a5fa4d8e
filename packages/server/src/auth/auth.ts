import type { RedactionClass } from '@millrace/protocol';

export type Role = 'user' | 'operator' | 'worker' | 'admin';
export type Scope = 'run:read' | 'run:act' | 'run:append' | 'task:claim';

/** Who asks: what a token says of its bearer. */
export interface Principal {
  tenant: string;
  /** the token's `sub` */
  id: string;
  roles: readonly Role[];
  scopes: readonly Scope[];
  /** ms since the epoch */
  expires: number;
  /** a scoped token's limits: this run or tag only, these classes hidden */
  only?: { run?: string; tag?: string };
  hide?: readonly RedactionClass[];
}

/**
 * Checks tokens. `verify` throws `unauthorized` or `token_expired`. On loopback without a configured secret the
 * server makes its own secret, so a token is always needed; the demo prints one.
 */
export interface Auth {
  verify(token: string | undefined): Promise<Principal>;
  /** Makes a token that this server accepts; `ttl` in seconds. */
  issue(
    claims: { sub: string; tenant?: string; roles?: readonly Role[]; scopes?: readonly Scope[] },
    ttl: number,
  ): Promise<string>;
}

/** `user:ID`, `worker:ID`: what stands in an event's `by`. */
export function byOf(principal: Principal): string {
  return `${principal.roles.includes('worker') ? 'worker' : 'user'}:${principal.id}`;
}

export function hasScope(principal: Principal, scope: Scope): boolean {
  return principal.scopes.includes(scope);
}

/** Whether this principal may see runs of this owner: a user their own, an operator the tenant's. */
export function maySee(principal: Principal, run: { id: string; owner?: string; tags?: readonly string[] }): boolean {
  const { only } = principal;
  if (only?.run !== undefined && only.run !== run.id) return false;
  if (only?.tag !== undefined && !run.tags?.includes(only.tag)) return false;
  if (only) return true;
  if (principal.roles.some((role) => role !== 'user')) return true;
  return run.owner === principal.id;
}
