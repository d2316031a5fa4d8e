import { MillraceError, type RedactionClass, type RunSummary } from '@millrace/protocol';

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
  /** the id of the grant that stands behind a scoped token */
  grant?: string;
  /** its first command spends the token */
  oneTime?: true;
}

/**
 * Checks tokens. `verify` throws `unauthorized` or `token_expired`. On loopback without a configured secret the
 * server makes its own secret, so a token is always needed; the demo prints one.
 */
export interface Auth {
  verify(token: string | undefined): Promise<Principal>;
  /** Makes a token that this server accepts; `ttl` in seconds. */
  issue(claims: Claims, ttl: number): Promise<string>;
}

export interface Claims {
  sub: string;
  tenant?: string;
  roles?: readonly Role[];
  scopes?: readonly Scope[];
  /** makes it the scoped token of this grant: what it allows stands in the grant alone */
  grant?: string;
}

/** `user:ID`, `worker:ID` or `link:ID`: what stands in an event's `by`. */
export function byOf(principal: Principal): string {
  if (principal.grant !== undefined) return `link:${principal.grant}`;
  return `${principal.roles.includes('worker') ? 'worker' : 'user'}:${principal.id}`;
}

/** What a command of this principal spends in its own transaction. */
export function spendOf(principal: Principal): { spend?: string } {
  return principal.oneTime && principal.grant !== undefined ? { spend: principal.grant } : {};
}

export function hasScope(principal: Principal, scope: Scope): boolean {
  return principal.scopes.includes(scope);
}

/** Whether this principal may see runs of this owner: a user their own, an operator the tenant's. */
export function maySee(
  principal: Principal,
  run: { id: string; owner?: string | undefined; tags?: readonly string[] },
): boolean {
  const { only } = principal;
  if (only?.run !== undefined && only.run !== run.id) return false;
  if (only?.tag !== undefined && !run.tags?.includes(only.tag)) return false;
  if (only) return only.run !== undefined || only.tag !== undefined;
  return !ownOnly(principal) || run.owner === principal.id;
}

/** Whether a principal is a mere user, who sees what is theirs; all others see what is the tenant's. */
export function ownOnly({ roles }: Pick<Principal, 'roles'>): boolean {
  return roles.every((role) => role === 'user');
}

/** What this principal sees of a run's row: without the fields of the classes that are hidden from them. */
export function redactSummary(summary: RunSummary, { hide = [] }: Pick<Principal, 'hide'>): RunSummary {
  if (hide.length === 0) return summary;
  const seen = { ...summary };
  if (hide.includes('identity')) {
    delete seen.owner;
    seen.tags = [];
  }
  if (hide.includes('cost')) delete seen.cost;
  if (hide.includes('error') && seen.error) seen.error = { code: seen.error.code, message: '' };
  return seen;
}

/** What this principal is told of an error: its facts and detail may hold what was answered, and by whom. */
export function tellable(error: unknown, { hide = [] }: Pick<Principal, 'hide'>): unknown {
  return hide.length > 0 && error instanceof MillraceError ? new MillraceError(error.code) : error;
}
