import type { RunEvent } from './event.ts';
import { eventClasses, isEventType, type RedactionClass } from './event-class.ts';

/** A named set of redaction classes: what a reader of this profile never sees. */
export interface Profile {
  name: string;
  hide: readonly RedactionClass[];
}

/**
 * What a reader of `profile` sees of an event: the event, the event without the hidden fields, or null where
 * nothing of it may be seen (the reader's range then simply covers its seq). A type that this version does
 * not know is never shown to a redacted reader.
 */
export function redact(event: RunEvent, profile: Profile): RunEvent | null {
  if (profile.hide.length === 0) return event;
  if (!isEventType(event.type)) return null;
  const { whole, fields } = eventClasses[event.type];
  if (whole && profile.hide.includes(whole)) return null;
  let next = event;
  if (event.by !== undefined && profile.hide.includes('identity')) {
    next = { ...next };
    delete next.by;
  }
  if (next.step !== undefined && profile.hide.includes('input')) next = { ...next, step: next.step.split('/')[0] as string };
  if (fields) next = { ...next, data: redactFields(next, fields, profile) } as RunEvent;
  return next;
}

/** Fields that a fold cannot do without keep their shape and lose their content. */
function redactFields(event: RunEvent, fields: Readonly<Record<string, RedactionClass>>, profile: Profile): object {
  const data: Record<string, unknown> = { ...event.data };
  for (const [field, kind] of Object.entries(fields)) {
    if (data[field] === undefined || !profile.hide.includes(kind)) continue;
    if (field === 'error' && typeof data.error === 'object') {
      data.error = { code: (data.error as { code: string }).code, message: '' };
    } else if (field === 'nodes' || field === 'add') {
      data[field] = (data[field] as { id: string; task?: string; workflow?: string; needs?: string[] }[]).map(
        ({ id, task, workflow, needs }) => ({ id, ...(task ? { task } : {}), ...(workflow ? { workflow } : {}), ...(needs ? { needs } : {}) }),
      );
    } else if (field === 'expand') {
      const { node, count } = data.expand as { node: string; count: number };
      data.expand = { node, count, items: [] };
    } else if (field === 'title' || field === 'prompt' || field === 'key' && event.type === 'checkpoint.saved') {
      data[field] = '';
    } else if (field === 'decision') {
      data.decision = 'hidden';
    } else if (field === 'input' && event.type === 'run.created' || field === 'state' || field === 'value') {
      data[field] = null;
    } else if (field === 'reason' && (event.type === 'node.skipped' || event.type === 'node.cancelled')) {
      data.reason = '';
    } else {
      delete data[field];
    }
  }
  return data;
}
