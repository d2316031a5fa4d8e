import { filterKey, type Profile, passes, type RunEvent, type RunFilter, redact } from '@millrace/protocol';
import type { Principal } from '../auth/auth.ts';
import type { SnapshotKind } from '../store/store.ts';

/** Through what a reader sees a log: a filter and a redaction profile. Equal lenses share their bytes. */
export interface Lens {
  /** one spelling per meaning; '' = everything is seen */
  readonly id: string;
  /** What is seen of an event; the event itself where all of it is. null = nothing. */
  see(event: RunEvent): RunEvent | null;
  /** where the store keeps the view through this lens. Filters are anybody's to make up, so of them nothing is kept. */
  snapshot: SnapshotKind | undefined;
}

export const clear: Lens = { id: '', see: (event) => event, snapshot: 'view' };

export function lensOf(principal: Principal, filter: RunFilter | undefined): Lens {
  const hide = [...new Set(principal.hide)].sort();
  const filtered = filterKey('', filter);
  if (hide.length === 0 && filtered === '') return clear;
  const profile: Profile = { name: hide.join(), hide };
  return {
    id: `${filtered}#${profile.name}`,
    snapshot: filtered === '' ? `view:${profile.name}` : undefined,
    // Filtered first: what a reader asked not to see is not worth redacting.
    see: (event) => (filter && filtered !== '' && !passes(event, filter) ? null : redact(event, profile)),
  };
}
