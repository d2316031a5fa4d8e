/** A list query as the query string of `GET /api/runs` spells it. */
export function listParameters(query: {
  status?: string[];
  [name: string]: unknown;
}): Record<string, string | number | undefined> {
  const { status, ...rest } = query as { status?: string[] } & Record<string, string | number | undefined>;
  return { ...rest, status: status?.join(',') };
}
