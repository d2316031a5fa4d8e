import { MillraceError } from '../error-code.ts';
import type { Json } from '../json.ts';

/** What a foreign producer sent, read field by field. Each reading throws `event_invalid` with `{field, expected}`. */
export class SourceData {
  readonly #name: string;
  readonly #data: Readonly<Record<string, unknown>>;

  constructor(name: string, data: unknown) {
    if (typeof data !== 'object' || data === null || Array.isArray(data)) {
      throw new MillraceError('event_invalid', {
        detail: `${name}: expected an object.`,
        facts: { field: '', expected: 'object' },
      });
    }
    this.#name = name;
    this.#data = data as Record<string, unknown>;
  }

  /** The first of these fields that is there, a text that is not empty. */
  text(...names: string[]): string {
    return this.mayText(...names) ?? this.#refuse(names, 'a text');
  }

  mayText(...names: string[]): string | undefined {
    const value = this.json(...names);
    if (value === undefined || value === null) return undefined;
    return typeof value === 'string' && value !== '' ? value : this.#refuse(names, 'a text');
  }

  /** A text that may be empty. */
  piece(...names: string[]): string {
    const value = this.json(...names);
    return typeof value === 'string' ? value : this.#refuse(names, 'a text');
  }

  number(...names: string[]): number {
    return this.mayNumber(...names) ?? this.#refuse(names, 'a number');
  }

  mayNumber(...names: string[]): number | undefined {
    const value = this.json(...names);
    if (value === undefined || value === null) return undefined;
    return typeof value === 'number' && Number.isFinite(value) ? value : this.#refuse(names, 'a number');
  }

  oneOf<T extends string>(allowed: readonly T[], ...names: string[]): T {
    return this.mayOneOf(allowed, ...names) ?? this.#refuse(names, `one of ${allowed.join(', ')}`);
  }

  mayOneOf<T extends string>(allowed: readonly T[], ...names: string[]): T | undefined {
    const value = this.json(...names);
    if (value === undefined || value === null) return undefined;
    return allowed.find((word) => word === value) ?? this.#refuse(names, `one of ${allowed.join(', ')}`);
  }

  /** The first of these fields that is there, whatever it is; what is no JSON is refused where the event is written. */
  json(...names: string[]): Json | undefined {
    const name = names.find((field) => this.#data[field] !== undefined);
    return name === undefined ? undefined : (this.#data[name] as Json);
  }

  /** The fields of an object in a field; none where it is missing. */
  within(name: string): SourceData {
    return new SourceData(`${this.#name}: ${name}`, this.#data[name] ?? {});
  }

  #refuse(names: readonly string[], expected: string): never {
    const [field = ''] = names;
    throw new MillraceError('event_invalid', {
      detail: `${this.#name}: ${field}: expected ${expected}.`,
      facts: { field, expected },
    });
  }
}
