export const STATUSES = ['created', 'running', 'paused', 'completed', 'failed', 'cancelled'] as const;

/** What the list of runs shows, as the address says it: `/?status=failed&workflow=ask-docs`. */
export interface RunsSearch {
  status?: (typeof STATUSES)[number];
  workflow?: string;
}

/** Reads the filters of an address; what is no filter is left out. */
export function runsSearch(search: Record<string, unknown>): RunsSearch {
  const status = STATUSES.find((one) => one === search.status);
  const { workflow } = search;
  return { ...(status ? { status } : {}), ...(typeof workflow === 'string' && workflow ? { workflow } : {}) };
}
