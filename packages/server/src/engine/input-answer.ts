import type { Json } from '@millrace/protocol';
import { z } from 'zod';

export interface Issue {
  /** where in the value, e.g. `address.city`; '' = the value itself */
  path: string;
  message: string;
}

const LIMIT = 500;
const known = new Map<string, z.ZodType>();

/** The JSON Schema as a checker; the most recent ones are kept. Throws where zod cannot make one of it. */
export function schemaOf(schema: Json): z.ZodType {
  const text = JSON.stringify(schema);
  const before = known.get(text);
  if (before) return before;
  const made = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  if (known.size >= LIMIT) known.delete(known.keys().next().value as string);
  known.set(text, made);
  return made;
}

/** Why a JSON Schema cannot be used, or undefined. */
export function schemaProblem(schema: Json | undefined): string | undefined {
  if (schema === undefined) return undefined;
  try {
    schemaOf(schema);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** What is wrong with a value that was asked for with a JSON Schema; [] = nothing. */
export function checkAnswer(schema: Json | undefined, value: Json): Issue[] {
  if (schema === undefined) return [];
  const result = schemaOf(schema).safeParse(value);
  return result.success ? [] : result.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
}
