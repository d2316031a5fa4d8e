import { z } from 'zod';
import { id, json, line, ms, name, open } from './field.schema.ts';
import { NODE_LIMIT } from './graph.ts';
import { concurrency } from './payload-part.schema.ts';

export const retryPolicy = open({
  attempts: z.int().min(1).max(1_000).describe('attempts in all, the first included'),
  delay: ms.optional().describe('ms before the second attempt; default 1,000'),
  factor: z.number().min(1).max(100).optional().describe('the delay is multiplied by this each time; default 2'),
  maxDelay: ms.optional().describe('ms; default 60,000'),
});

const expression = z.string().max(10_000);

export const graphNode = open({
  id: name,
  task: id.optional().describe('the registered task that executes it; exactly one of task and workflow'),
  workflow: id.optional().describe('a sub-workflow instead of a task'),
  needs: z.array(id).max(NODE_LIMIT).optional().describe('ids of nodes that must end before this one starts'),
  input: json.optional().describe('any JSON with {% JSONata %} in it'),
  when: expression.optional().describe('an expression; the node is skipped where it is not truthy'),
  forEach: expression.optional().describe('an expression for an array; the task runs once for each item'),
  join: z.enum(['all', 'any']).optional().describe('default all'),
  retry: retryPolicy.optional(),
  timeout: z.number().positive().optional().describe('ms that one attempt may take'),
  queue: id.optional(),
  priority: z.number().optional().describe('higher is claimed first; default 0'),
  concurrency: concurrency.optional().describe('at most so many nodes of the queue that share the key run at once'),
  rate: open({ key: line, limit: z.int().min(1), per: z.int().min(1).describe('ms') })
    .optional()
    .describe('at most so many starts in so many ms among nodes of the queue that share the key'),
  onError: id.optional().describe('fail (default), continue, skip, or the id of the node that handles the error'),
});

/** At most {@link NODE_LIMIT}; what else a graph must keep to is `checkGraph`'s matter. */
export const graphNodes = z.array(graphNode).max(NODE_LIMIT);
