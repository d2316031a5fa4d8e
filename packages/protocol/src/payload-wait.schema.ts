import { z } from 'zod';
import type { EventData, EventType } from './event.ts';
import { at, id, json, jsonOrBlob, line, open, text, waitId } from './field.schema.ts';
import { reused, runError } from './payload-part.schema.ts';

type Wait = Extract<EventType, `${'approval' | 'input' | 'sleep' | 'child'}.${string}`>;

/** Payloads of the events that open and end waits. */
export const waitPayloads = {
  'approval.requested': open({
    approvalId: waitId,
    title: line,
    details: json.optional(),
    options: z.array(id).max(50).optional().describe('decisions offered beside approved and rejected'),
    timeoutAt: at.optional(),
    onTimeout: z.enum(['reject', 'approve', 'fail', 'escalate']).optional(),
    onReject: z.enum(['return', 'fail']).optional(),
    escalation: open({ level: z.int().min(1), to: id.optional() }).optional(),
    escalateTo: z
      .array(open({ to: id, timeout: z.int().min(1).describe('ms') }))
      .max(10)
      .optional(),
  }),
  'approval.resolved': open({
    approvalId: waitId,
    decision: id.describe("approved, rejected, timed_out, or one of the request's options"),
    comment: text.optional(),
    reused: reused.optional(),
  }),
  'input.requested': open({
    inputId: waitId,
    prompt: text,
    schema: json.optional().describe('JSON Schema of the answer'),
    timeoutAt: at.optional(),
    default: json.optional(),
  }),
  'input.provided': open({ inputId: waitId, value: json, reused: reused.optional() }),
  'input.timed_out': open({ inputId: waitId, value: json.optional(), reused: reused.optional() }),
  'sleep.started': open({ sleepId: waitId, until: at }),
  'sleep.ended': open({ sleepId: waitId, reused: reused.optional() }),
  'child.started': open({
    childId: waitId,
    run: id,
    workflow: id,
    input: jsonOrBlob.optional(),
    detached: z.boolean().optional().describe('true = cancelling this run does not cancel the child'),
  }),
  'child.ended': open({
    childId: waitId,
    run: id,
    outcome: z.enum(['completed', 'failed', 'cancelled']),
    output: jsonOrBlob.optional(),
    error: runError.optional(),
    reused: reused.optional(),
  }),
} satisfies { [T in Wait]: z.ZodType<EventData[T]> };
