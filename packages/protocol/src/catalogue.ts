import { z } from 'zod';
import { MillraceError } from './error.ts';
import type { EventData, EventOf, EventType, NewEvent, NewEventOf } from './event.ts';
import { type EventClassRow, eventClasses } from './event-class.ts';
import { type EventClass, eventKinds, isEventType } from './event-kind.ts';
import { id, open, part } from './field.schema.ts';
import { contentPayloads } from './payload-content.schema.ts';
import { lifecyclePayloads } from './payload-lifecycle.schema.ts';
import { waitPayloads } from './payload-wait.schema.ts';
import { seedNames } from './seed-names.ts';

/** The schema of every event's `data`, with units in the descriptions. Unknown fields are kept. */
export const payloads = { ...lifecyclePayloads, ...waitPayloads, ...contentPayloads } satisfies {
  [T in EventType]: z.ZodType<EventData[T]>;
};

/** `true` where the two types hold the same values and have the same fields, optional ones included. */
type Same<A, B> = [A, Required<A>] extends [B, Required<B>]
  ? [B, Required<B>] extends [A, Required<A>]
    ? true
    : false
  : false;
type Assert<T extends true> = T;
/** Compiles only while every schema's output is exactly the type that {@link EventData} gives it. */
export type PayloadsMatch = Assert<{ [T in EventType]: Same<z.output<(typeof payloads)[T]>, EventData[T]> }[EventType]>;

export interface CatalogueRow extends EventClassRow {
  class: EventClass;
  type: EventType;
  /** of `data` */
  schema: z.ZodType;
  /** what the seeds' protocols call it */
  seeds: readonly string[];
}

const types = Object.keys(eventClasses) as EventType[];

/** Every event type there is, by type: class, redaction, payload and other names. */
export const catalogue: ReadonlyMap<EventType, CatalogueRow> = new Map(
  types.map((type) => [
    type,
    { type, class: eventKinds[type], ...eventClasses[type], schema: payloads[type], seeds: seedNames[type] ?? [] },
  ]),
);

/** Event types that mean nothing without the node they are about. */
const ofNode = /^(node|attempt|step|checkpoint)\./;

const envelope = (type: EventType) => ({
  type: z.literal(type),
  node: ofNode.test(type) ? part : part.optional(),
  step: z
    .string()
    .regex(/^[\s\S]{1,401}$/, 'expected 1–401 characters')
    .optional()
    .describe('name, or name/key, of the step that it happened in'),
  attempt: z.int().min(1).optional().describe("number of the node's attempt, from 1"),
  by: id.optional().describe('who caused it: user:ID, worker:ID, link:ID or system'),
  data: payloads[type],
});

const newEvents = new Map(types.map((type) => [type, open(envelope(type))]));

/** One schema for what a producer may send, for OpenAPI and the wire's lock. To check an event use `checkEvent`. */
export const newEventSchema = z.union([...newEvents.values()]) as unknown as z.ZodType<NewEvent>;

/** One schema for an event as readers get it. */
export const eventSchema = z.union(
  types.map((type) =>
    open({ seq: z.int().min(1), at: z.number().describe('ms since the epoch, UTC'), ...envelope(type) }),
  ),
) as unknown as z.ZodType<EventOf<EventType>>;

/** The types, for requests that name some. */
export const eventType = z.enum(types as [EventType, ...EventType[]]);

/**
 * An event that somebody outside wants to append, checked: its envelope reduced to the known fields (nobody may bring
 * a `seq`), its `data` as it came, unknown fields included. Missing `data` means `{}`.
 * @param author takes the place of what the event says of `by`
 * @param place takes that of its `node` and `attempt`
 * Throws `event_unknown`, or `event_invalid` with `{field, expected}`. Its size is checked where it is serialised.
 */
export function checkEvent(event: unknown, author?: string, place?: { node: string; attempt: number }): NewEvent {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw invalid('An event must be a JSON object with type and data.', '', 'object');
  }
  const { type, step, by: told, data = {} } = event as Record<string, unknown>;
  const { node, attempt } = place ?? (event as Record<string, unknown>);
  const by = author ?? told;
  if (!isEventType(type)) throw unknown(type);
  const candidate: Record<string, unknown> = { type };
  if (node !== undefined) candidate.node = node;
  if (step !== undefined) candidate.step = step;
  if (attempt !== undefined) candidate.attempt = attempt;
  if (by !== undefined) candidate.by = by;
  candidate.data = data;
  const result = (newEvents.get(type) as z.ZodType).safeParse(candidate);
  if (!result.success) throw refusal(type, result.error);
  return candidate as unknown as NewEventOf<EventType>;
}

function unknown(type: unknown): MillraceError {
  const shown = typeof type === 'string' ? `"${type.slice(0, 100)}"` : typeof type;
  return new MillraceError('event_unknown', {
    detail: `${shown} is not a type of the catalogue.`,
    facts: { field: 'type' },
  });
}

function refusal(type: EventType, error: z.ZodError): MillraceError {
  const issue = error.issues[0];
  const field = issue?.path.join('.') ?? '';
  const expected = (issue?.message ?? '').replace(/^(Invalid|Too) \w+: /, '');
  return invalid(`${type}: ${field}: ${expected}.`, field, expected);
}

function invalid(detail: string, field: string, expected: string): MillraceError {
  return new MillraceError('event_invalid', { detail, facts: { field, expected } });
}
