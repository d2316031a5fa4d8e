/** A new object of these fields of another, without those that it does not have. */
export function pick<T extends object, K extends keyof T>(from: T, ...fields: K[]): Pick<T, K> {
  const picked = {} as Pick<T, K>;
  for (const field of fields) if (from[field] !== undefined) picked[field] = from[field];
  return picked;
}
