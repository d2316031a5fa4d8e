import type { ListQuery, RunSummary } from '@millrace/protocol';
import { maySee, type Principal } from '../auth/auth.ts';

/** Whether a run's row belongs into a list of `query` that `principal` reads. `queue`: the row's. */
export function belongs(row: RunSummary, queue: string | undefined, query: ListQuery, principal: Principal): boolean {
  return (
    maySee(principal, row) &&
    (query.owner === undefined || query.owner === row.owner) &&
    (query.workflow === undefined || query.workflow === row.workflow) &&
    (query.tag === undefined || row.tags.includes(query.tag)) &&
    (query.queue === undefined || query.queue === queue) &&
    (query.status === undefined || query.status.length === 0 || query.status.includes(row.status))
  );
}
