/** Something that must never happen, and did. */
export interface Fault {
  where: string;
  what: string;
}

/** What the judges of a world have found. Only the first faults are kept: what follows from them says nothing. */
export class Verdicts {
  readonly faults: Fault[] = [];

  fault(where: string, what: string): void {
    if (this.faults.length < 5) this.faults.push({ where, what });
  }
}

/** The first place where two JSON values differ; undefined where they do not. */
export function difference(told: unknown, true_: unknown, path = ''): string | undefined {
  if (Object.is(told, true_)) return undefined;
  if (typeof told !== 'object' || typeof true_ !== 'object' || told === null || true_ === null) {
    return `${path || 'it'} is ${short(told)}, not ${short(true_)}`;
  }
  const names = new Set([...Object.keys(told), ...Object.keys(true_)]);
  for (const name of names) {
    const found = difference(
      (told as Record<string, unknown>)[name],
      (true_ as Record<string, unknown>)[name],
      `${path}.${name}`,
    );
    if (found) return found;
  }
  return undefined;
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
