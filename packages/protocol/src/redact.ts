import type { EventData, EventOf, EventType, RunError, RunEvent, RunOptions } from './event.ts';
import { type EventClassRow, eventClasses, type RedactionClass } from './event-class.ts';
import { isEventType } from './event-kind.ts';
import { type GraphNode, hasExpression } from './graph.ts';

/** A named set of redaction classes: what a reader of this profile never sees. */
export interface Profile {
  name: string;
  hide: readonly RedactionClass[];
}

/**
 * What a reader of `profile` sees of an event: the event, the event without the hidden fields, or null where
 * nothing of it may be seen (the reader's range then simply covers its seq). A type that this version does
 * not know is never shown to a redacted reader, nor is a field that it does not know. What is left is a valid event,
 * the same object where nothing was hidden, and folding what is left shows the same states. Names and ids are not hidden: of workflows, nodes, tasks, steps,
 * waits, runs; an error keeps its code.
 */
export function redact(event: RunEvent, profile: Profile): RunEvent | null {
  if (profile.hide.length === 0) return event;
  if (!isEventType(event.type)) return null;
  const hides: Hides = (kind) => kind != null && profile.hide.includes(kind);
  const { whole, fields } = eventClasses[event.type];
  if (hides(whole)) return null;
  const next: RunEvent = { ...event };
  let changed = false;
  if (event.by !== undefined && hides('identity')) {
    delete next.by;
    changed = true;
  }
  if (event.step?.includes('/') && hides('input')) {
    next.step = event.step.split('/')[0] as string;
    changed = true;
  }
  if (fields) {
    const data = redactFields(event, fields, hides);
    if (data !== event.data) return { ...next, data } as RunEvent;
  }
  return changed ? next : event;
}

type Hides = (kind: RedactionClass | null | undefined) => boolean;

function redactFields(event: RunEvent, fields: NonNullable<EventClassRow['fields']>, hides: Hides): object {
  const mask = masks[event.type] as Record<string, (value: unknown) => unknown> | undefined;
  const data: Record<string, unknown> = { ...event.data };
  let changed = false;
  for (const field in data) {
    if (Object.hasOwn(fields, field) && !hides(fields[field])) continue;
    changed = true;
    if (mask && Object.hasOwn(mask, field)) data[field] = mask[field]?.(data[field]);
    else delete data[field];
  }
  if (event.type === 'run.created' && event.data.options) {
    data.options = options(event.data.options, hides);
    changed = true;
  }
  return changed ? data : event.data;
}

type Masks = { [T in EventType]?: { [F in keyof EventData[T]]?: (value: EventData[T][F]) => EventData[T][F] } };

const nothing = () => null;
const noText = () => '';
const codeOnly = ({ code }: RunError): RunError => ({ code, message: '' });

/** What stands in place of a hidden field that its event, or the fold, cannot do without. Other hidden fields go. */
const masks: Masks = {
  'run.created': { input: nothing, nodes: (nodes) => nodes.map(outline) },
  'run.stopping': { error: (error) => error && codeOnly(error) },
  'run.failed': { error: codeOnly },
  'graph.updated': {
    add: (nodes) => nodes?.map(outline),
    expand: (expand) => expand && { node: expand.node, count: expand.count, items: [] },
  },
  'node.retrying': { error: codeOnly },
  'node.failed': { error: codeOnly },
  'node.skipped': { reason: noText },
  'node.cancelled': { reason: noText },
  'step.failed': { error: codeOnly },
  'approval.requested': { title: noText },
  'approval.resolved': { decision: () => 'hidden' },
  'input.requested': { prompt: noText },
  'input.provided': { value: nothing },
  'child.ended': { error: (error) => error && codeOnly(error) },
  'checkpoint.saved': { key: () => 'hidden', state: nothing },
};

const HIDDEN = '{% null %}';

/** The shape of the graph. An expression is still there to be waited for, but says nothing. */
function outline({ id, task, workflow, needs, join, onError, when, forEach, input }: GraphNode): GraphNode {
  return {
    id,
    ...(task === undefined ? {} : { task }),
    ...(workflow === undefined ? {} : { workflow }),
    ...(needs ? { needs } : {}),
    ...(join ? { join } : {}),
    ...(onError === undefined ? {} : { onError }),
    ...(when === undefined ? {} : { when: HIDDEN }),
    ...(forEach === undefined ? {} : { forEach: HIDDEN }),
    ...(input !== undefined && hasExpression(input) ? { input: HIDDEN } : {}),
  };
}

/** Options are of no one class: the budget is cost, the keys tell who. */
function options(
  { priority, delayUntil, ttl, queue, budget, idempotencyKey, concurrency }: RunOptions,
  hides: Hides,
): EventOf<'run.created'>['data']['options'] {
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(delayUntil === undefined ? {} : { delayUntil }),
    ...(ttl === undefined ? {} : { ttl }),
    ...(queue === undefined ? {} : { queue }),
    ...(budget === undefined || hides('cost') ? {} : { budget }),
    ...(idempotencyKey === undefined || hides('identity') ? {} : { idempotencyKey }),
    ...(concurrency === undefined || hides('identity') ? {} : { concurrency }),
  };
}
