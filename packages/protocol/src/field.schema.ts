import { z } from 'zod';
import type { BlobRef, Json } from './json.ts';

/**
 * An object whose unknown fields are kept: payloads change additively, so a reader meets fields that are newer than
 * itself. Its type names the known ones only.
 */
export function open<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strip> {
  return z.looseObject(shape) as unknown as z.ZodObject<Shape, z.core.$strip>;
}

/** Deeper values are refused: they serve nobody and overflow the stack of whoever walks them. */
export const DEPTH_LIMIT = 100;

/** Whether JSON can carry the value: no function, symbol or bigint in it, and at most {@link DEPTH_LIMIT} levels. */
function isJson(value: unknown, depth = 0): boolean {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'undefined':
      return true;
    case 'object':
      if (value === null) return true;
      if (depth >= DEPTH_LIMIT) return false;
      if ('toJSON' in value) return true;
      for (const key in value) if (!isJson((value as Record<string, unknown>)[key], depth + 1)) return false;
      return true;
    default:
      return false;
  }
}

const carried = z
  .unknown()
  .refine((value) => value !== undefined && isJson(value), `expected a JSON value, at most ${DEPTH_LIMIT} levels deep`);

/** any JSON value */
export const json = carried as unknown as z.ZodType<Json>;
/** any JSON value, or the reference to one that was too large to stand here */
export const jsonOrBlob = carried as unknown as z.ZodType<Json | BlobRef>;

/** A value that only our own code makes and reads, and whose shape something else pins (the fold, the engine). */
export function opaque<T>(): z.ZodType<T> {
  return z.unknown().refine((value) => typeof value === 'object' && value !== null, 'expected an object') as z.ZodType<
    unknown,
    unknown
  > as z.ZodType<T>;
}

/** What every JavaScript object has: as keys of a view they would be found where nothing was put. */
const reserved = `(?!(?:${[
  ...[
    'constructor',
    'hasOwnProperty',
    'isPrototypeOf',
    'propertyIsEnumerable',
    'toLocaleString',
    'toString',
    'valueOf',
  ],
  ...['__proto__', '__defineGetter__', '__defineSetter__', '__lookupGetter__', '__lookupSetter__'],
].join('|')})$)`;

/** A name that views use as a key: 1–200 characters, and no name that every JavaScript object has. */
export const name = z
  .string()
  .regex(new RegExp(`^${reserved}[\\s\\S]{1,200}$`), 'expected 1–200 characters and no name that JavaScript reserves');

/** A name that is joined with `/` to others. */
export const part = z
  .string()
  .regex(
    new RegExp(`^${reserved}[^/]{1,200}$`),
    'expected 1–200 characters without "/" and no name that JavaScript reserves',
  );

/** A wait's id may be made of a node, a name and a key. */
export const waitId = z
  .string()
  .regex(new RegExp(`^${reserved}[\\s\\S]{1,610}$`), 'expected 1–610 characters and no name that JavaScript reserves');

export const id = z.string().regex(/^[\s\S]{1,200}$/, 'expected 1–200 characters');
/** one line for people: a title, a reason */
export const line = z.string().max(2_000);
/** text for people; only the event's size limits it */
export const text = z.string();

export const at = z.number().min(0).describe('ms since the epoch, UTC');
export const ms = z.number().min(0).describe('ms');
export const count = z.int().min(0);
export const bytes = count.describe('bytes');
export const percent = z.number().min(0).max(100).describe('percent, 0–100');
export const seq = z.int().min(1).describe('sequence number of an event in its run, from 1');
export const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits')
  .describe('SHA-256, hex');
export const currency = z
  .string()
  .regex(/^[A-Z]{3}$/, 'expected a currency code of ISO 4217')
  .describe('ISO 4217, e.g. USD');
export const amount = z.number().describe('in units of the currency, e.g. dollars');
