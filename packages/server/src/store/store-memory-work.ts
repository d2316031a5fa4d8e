import type { DueRow, LeaseKey, LeaseRow, Part, RunKey, WaitQuery, WaitRow } from './store.ts';
import { byText, least, sameRun } from './store-memory-keys.ts';

/** What is under way or awaited: leases, due rows and open waits. */
export class MemoryWork {
  #leases: LeaseRow[] = [];
  /** in the order of writing */
  #due: DueRow[] = [];
  #waits: WaitRow[] = [];

  /** Whether a lease that the part ends as expired is gone or stands again. */
  leaseStands(part: Part): boolean {
    return (part.expired ?? []).some(({ node, attempt, at }) => {
      const lease = this.#leases.find((row) => row.node === node && row.attempt === attempt && sameRun(row, part));
      return !lease || lease.expires > at;
    });
  }

  write(part: Part): void {
    const mine = (row: RunKey) => sameRun(row, part);
    this.#leases = this.#leases.filter((row) => !(mine(row) && part.release?.includes(row.node)));
    for (const row of part.lease ?? []) {
      this.#leases = [...this.#leases.filter((old) => !(sameRun(old, row) && old.node === row.node)), row];
    }
    this.dropDue(this.#due.filter((row) => mine(row) && (part.undueAll || part.undue?.includes(row.key))));
    this.putDue(part.due ?? []);
    this.#waits = this.#waits.filter((row) => !(mine(row) && (part.unwaitAll || part.unwait?.includes(row.id))));
    for (const row of part.waits ?? []) {
      this.#waits = [...this.#waits.filter((old) => !(sameRun(old, row) && old.id === row.id)), row];
    }
  }

  renew(worker: string, key: LeaseKey, expires: number): boolean {
    const held = (row: LeaseRow) =>
      sameRun(row, key) && row.node === key.node && row.attempt === key.attempt && row.worker === worker;
    const found = this.#leases.find(held);
    if (found) found.expires = expires;
    return found !== undefined;
  }

  leases(query: { expiredAt?: number; boot?: string; worker?: string; limit: number }): LeaseRow[] {
    const { expiredAt = Number.POSITIVE_INFINITY, boot, worker } = query;
    return this.#leases
      .filter((row) => row.expires <= expiredAt)
      .filter((row) => (boot === undefined || row.boot === boot) && (worker === undefined || row.worker === worker))
      .sort((a, b) => a.expires - b.expires)
      .slice(0, query.limit)
      .map((row) => ({ ...row }));
  }

  due(now: number, limit: number): DueRow[] {
    return this.#due
      .filter((row) => row.at <= now)
      .sort((a, b) => a.at - b.at)
      .slice(0, limit);
  }

  nextDue(): number | undefined {
    return least(this.#due.map(({ at }) => at));
  }

  dropDue(rows: readonly (RunKey & { key: string })[]): void {
    this.#due = this.#due.filter((row) => !rows.some((gone) => sameRun(gone, row) && gone.key === row.key));
  }

  putDue(rows: readonly DueRow[]): void {
    for (const row of rows) {
      this.dropDue([row]);
      this.#due.push(row);
    }
  }

  waits({ tenant, owner, kind, workflow, before, limit }: WaitQuery): WaitRow[] {
    return this.#waits
      .filter((row) => row.tenant === tenant && (owner === undefined || row.owner === owner))
      .filter(
        (row) => (kind === undefined || row.kind === kind) && (workflow === undefined || row.workflow === workflow),
      )
      .sort(byAge)
      .filter((row) => !before || byAge(before, row) < 0)
      .slice(0, limit);
  }

  forget(key: RunKey): void {
    this.#leases = this.#leases.filter((row) => !sameRun(row, key));
    this.#due = this.#due.filter((row) => !sameRun(row, key));
    this.#waits = this.#waits.filter((row) => !sameRun(row, key));
  }
}

type Place = NonNullable<WaitQuery['before']>;
const byAge = (a: Place, b: Place): number =>
  a.requestedAt - b.requestedAt || byText(a.run, b.run) || byText(a.id, b.id);
