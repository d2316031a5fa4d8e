import { type Json, MillraceError } from '@millrace/protocol';
import { toJson } from './blob.ts';

/** The part of the Standard Schema interface that we use; zod, valibot and arktype schemas all have it. */
export interface Schema<T = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaAnswer<T> | Promise<SchemaAnswer<T>>;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
  };
}

/** A Standard Schema that can also be written as JSON Schema (Standard JSON Schema), so that others can ask by it. */
export interface FormSchema<I = unknown, O = unknown> extends Schema<O> {
  readonly '~standard': Schema<O>['~standard'] & {
    readonly types?: { readonly input: I; readonly output: O } | undefined;
    readonly jsonSchema: { input(options: { target: 'draft-2020-12' }): Record<string, unknown> };
  };
}

export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

type SchemaAnswer<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly { message: string; path?: readonly unknown[] | undefined }[] };

export function isStandard(schema: FormSchema | JsonSchema | undefined): schema is FormSchema {
  return schema !== undefined && typeof schema !== 'boolean' && '~standard' in schema;
}

/** What a schema makes of a value. Errors: `input_invalid` with the issues in its detail and facts. */
export async function parse<T>(schema: Schema<T>, value: unknown, what: string): Promise<T> {
  const answer = await schema['~standard'].validate(value);
  if (!answer.issues) return answer.value;
  const issues = answer.issues.map(({ message, path = [] }) => ({ path: path.map(pathPart).join('.'), message }));
  throw new MillraceError('input_invalid', {
    detail: `${what}: ${issues.map(({ path, message }) => `${path} ${message}`.trim()).join('; ')}`,
    facts: { issues },
  });
}

/** The schema as the log holds it and forms are made from. Errors: `invalid_request` where there is no JSON Schema of it. */
export function jsonSchemaOf(schema: FormSchema | JsonSchema, what: string): Json {
  if (!isStandard(schema)) return toJson(schema, what);
  try {
    return toJson(schema['~standard'].jsonSchema.input({ target: 'draft-2020-12' }), what);
  } catch (cause) {
    throw new MillraceError('invalid_request', {
      detail: `${what} cannot be written as JSON Schema (${String(cause)}). Give one that can, or a JSON Schema.`,
      cause,
    });
  }
}

function pathPart(part: unknown): string {
  return String(typeof part === 'object' && part !== null && 'key' in part ? part.key : part);
}
