import { ownOnly, type Principal } from '../auth/auth.ts';
import type { RunRow, RunRowQuery, Store } from '../store/store.ts';

/** A page of the runs that a principal may see. That is part of the query, so that pages and totals are right. */
export async function visibleRows(
  store: Pick<Store, 'runRow' | 'runRows'>,
  principal: Principal,
  filter: Omit<RunRowQuery, 'tenant' | 'limit'>,
  limit: number,
): Promise<{ rows: RunRow[]; total: number }> {
  const { only, tenant, id } = principal;
  if (only?.run !== undefined) {
    const row = await store.runRow({ tenant, run: only.run });
    return row ? { rows: [row], total: 1 } : { rows: [], total: 0 };
  }
  if (only?.tag !== undefined && filter.tag !== undefined && filter.tag !== only.tag) return { rows: [], total: 0 };
  const own = !only && ownOnly(principal);
  if (own && filter.owner !== undefined && filter.owner !== id) return { rows: [], total: 0 };
  const tag = only?.tag ?? filter.tag;
  return store.runRows({ ...filter, tag, owner: own ? id : filter.owner, tenant, limit });
}
