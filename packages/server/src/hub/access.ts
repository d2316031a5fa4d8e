import { MillraceError } from '@millrace/protocol';
import { hasScope, maySee, type Principal, type Scope } from '../auth/auth.ts';
import type { RunRow, Store } from '../store/store.ts';

export function needScope(principal: Principal, scope: Scope): void {
  if (!hasScope(principal, scope)) throw new MillraceError('forbidden', { detail: `This needs the scope ${scope}.` });
}

/** The run's row. A run that this principal may not see is a run that does not exist. */
export async function visibleRow(store: Store, principal: Principal, run: string): Promise<RunRow> {
  const row = await store.runRow({ tenant: principal.tenant, run });
  if (!row || !maySee(principal, row.summary)) {
    throw new MillraceError('run_not_found', { detail: `There is no run "${run.slice(0, 80)}" that you may see.` });
  }
  return row;
}
