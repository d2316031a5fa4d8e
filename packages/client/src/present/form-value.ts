import { MillraceError } from '@millrace/protocol/error';
import type { Json } from '@millrace/protocol/json';

/** Where a value does not fit its JSON Schema; `path` is dotted, '' = the value itself. */
export interface InputIssue {
  path: string;
  message: string;
}

/**
 * What a form of a JSON Schema begins with: the schema's defaults, and `false` where a box will stand that is not
 * ticked. undefined = nothing can be assumed.
 */
export function initialValue(schema: Json | undefined): Json | undefined {
  if (!isObject(schema)) return undefined;
  if (schema.default !== undefined) return schema.default;
  if (schema.type === 'boolean') return false;
  if (schema.type !== 'object') return undefined;
  const required = Array.isArray(schema.required) ? schema.required : [];
  const properties = isObject(schema.properties) ? Object.entries(schema.properties) : [];
  const parts = properties
    .filter(([name, part]) => required.includes(name) || !isObject(part) || part.type !== 'object')
    .map(([name, part]) => [name, initialValue(part)] as const);
  return Object.fromEntries(parts.filter((part): part is readonly [string, Json] => part[1] !== undefined));
}

/** The part of a JSON Schema that a dotted path leads to, if it has a field of its own in a form. */
export function fieldAt(schema: Json | undefined, path: string): Json | undefined {
  const part = path
    .split('.')
    .filter((name) => name !== '')
    .reduce<Json | undefined>(
      (whole, name) => (isObject(whole) && isObject(whole.properties) ? whole.properties[name] : undefined),
      schema,
    );
  return isObject(part) && part.type !== 'object' && part.type !== 'array' ? part : undefined;
}

/** The issues that an `input_invalid` tells of; [] where it tells of none. */
export function issuesOf(error: Error | undefined): InputIssue[] {
  const issues: unknown = error instanceof MillraceError ? error.facts?.issues : undefined;
  return Array.isArray(issues) ? issues.filter(isIssue) : [];
}

function isIssue(issue: unknown): issue is InputIssue {
  const { path, message } = (issue ?? {}) as Partial<InputIssue>;
  return typeof path === 'string' && typeof message === 'string';
}

function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
