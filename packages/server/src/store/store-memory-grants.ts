import type { GrantRow, Part, RunKey } from './store.ts';
import { id } from './store-memory-keys.ts';

/** Scoped tokens: what each allows, and whether it still does. */
export class MemoryGrants {
  readonly #grants = new Map<string, GrantRow>();

  put(grant: GrantRow): void {
    this.#grants.set(id(grant.tenant, grant.id), structuredClone(grant));
  }

  find(tenant: string, grant: string): GrantRow | undefined {
    return structuredClone(this.#grants.get(id(tenant, grant)));
  }

  /** Whether the part spends a grant that is over. */
  spent({ tenant, spend = [] }: Part): boolean {
    return spend.some(({ id: grant, at }) => !this.#open(tenant, grant, at));
  }

  write({ tenant, spend = [] }: Part): void {
    for (const { id: grant, at } of spend) this.end(tenant, grant, at);
  }

  end(tenant: string, grant: string, at: number): boolean {
    const row = this.#open(tenant, grant, at);
    if (row) row.endedAt = at;
    return row !== undefined;
  }

  forget(key: RunKey): void {
    for (const [place, { tenant, run }] of this.#grants) {
      if (tenant === key.tenant && run === key.run) this.#grants.delete(place);
    }
  }

  #open(tenant: string, grant: string, at: number): GrantRow | undefined {
    const row = this.#grants.get(id(tenant, grant));
    return row && row.endedAt === undefined && row.expires > at ? row : undefined;
  }
}
