import { z } from 'zod';
import { amount, at, count, currency, id, line, ms, open, seq, text } from './field.schema.ts';

export const runError = open({
  code: id,
  message: text,
  node: id.optional(),
  retryable: z.boolean().optional().describe('false = a retry would fail the same way'),
  stack: text.optional(),
});

export const reused = open({ run: id, seq }).describe('the event of an ancestor run that this result was copied from');

export const concurrency = open({ key: line, limit: z.int().min(1) });

export const runOptions = open({
  priority: z.number().optional().describe('higher is claimed first; default 0'),
  delayUntil: at.optional().describe('ms since the epoch before which nothing is dispatched'),
  ttl: ms.optional().describe('ms that the run may stay unclaimed'),
  queue: id.optional(),
  budget: open({ amount, currency }).optional(),
  idempotencyKey: id.optional(),
  concurrency: concurrency.optional().describe('at most so many nodes of runs that share the key run at once'),
});

const ancestor = open({ run: id, seq: count });

export const lineage = open({
  parent: open({ run: id, node: id, step: line.optional() }).optional(),
  retryOf: ancestor.optional(),
  forkOf: ancestor.optional(),
});

export const tags = z.array(id).max(50);

export const tokenCounts = open({
  input: count.optional().describe('tokens'),
  output: count.optional().describe('tokens'),
});
