import { type RedactionClass, redactionClasses } from '@millrace/protocol';
import { at, id, json, waitId } from '@millrace/protocol/field.schema';
import { z } from 'zod';
import type { WaitRow } from '../store/store.ts';
import type { Question } from './question.ts';
import { answer } from './schemas.ts';

/** What runs ask of people, what people answer, and the links that let them. */

export const decisionBody = z.strictObject({
  decision: z.string().min(1).max(200).describe("approved, rejected, or one of the request's options"),
  comment: z.string().max(10_000).optional(),
});
export const valueBody = z.strictObject({ value: json });

const link = {
  access: z.enum(['read', 'act']).describe('act: commands and answers, beside reading'),
  expiresIn: z
    .int()
    .min(1_000)
    .max(366 * 86_400_000)
    .describe('ms from now, up to 366 days'),
  oneTime: z.boolean().optional().describe('spent by its first command; default: only where it is for a wait'),
  hide: z.array(z.enum(redactionClasses as [RedactionClass, ...RedactionClass[]])).optional(),
};
export const runLinkBody = z.strictObject({
  ...link,
  wait: waitId.optional().describe('the approval or input that it may answer, and nothing else'),
});
export const tagLinkBody = z.strictObject({ ...link, tag: id });
export const linkMade = z.object({
  id: z.string().describe('revokes it: DELETE /api/links/{id}'),
  token: z.string(),
  url: z.string(),
  expires: at,
});

export const questionShown = answer<Question>(
  z.object({
    run: z.string(),
    workflow: z.string(),
    id: z.string(),
    kind: z.enum(['approval', 'input']),
    status: z.enum(['open', 'answered', 'timed_out', 'cancelled']),
    title: z.string(),
    details: json.optional(),
    options: z.array(z.string()).describe('decisions that may be given'),
    schema: json.optional().describe('JSON Schema of the value'),
    default: json.optional(),
    requestedAt: at,
    timeoutAt: at.optional(),
    decision: z.string().optional(),
  }),
);
export const answerBody = z.strictObject({
  decision: decisionBody.shape.decision.optional(),
  comment: decisionBody.shape.comment,
  value: json.optional().describe('of an input'),
  form: z.record(z.string(), z.string()).optional().describe("of an input: the page's controls instead of a value"),
});
export const answerGiven = z.object({
  seq: z.number(),
  run: z.string(),
  wait: z.string(),
  decision: z.string().optional(),
});

export const inboxPage = answer<{ waits: Omit<WaitRow, 'tenant'>[]; next?: string }>(
  z.object({
    waits: z.array(
      z.object({
        run: z.string(),
        id: z.string().describe('of the approval or input'),
        kind: z.enum(['approval', 'input']),
        node: z.string(),
        workflow: z.string(),
        owner: z.string().optional(),
        title: z.string(),
        requestedAt: at,
        timeoutAt: at.optional(),
        to: z.string().optional().describe('whom an escalation asks'),
      }),
    ),
    next: z.string().optional().describe('asks for the following page'),
  }),
);
