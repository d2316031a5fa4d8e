import { z } from 'zod';
import type { EventData, EventType } from './event.ts';
import { at, count, id, json, jsonOrBlob, line, ms, name, open, part, percent, waitId } from './field.schema.ts';
import { graphNodes } from './graph.schema.ts';
import { lineage, reused, runError, runOptions, tags } from './payload-part.schema.ts';

type Lifecycle = Extract<EventType, `${'run' | 'graph' | 'node' | 'attempt' | 'step' | 'checkpoint'}.${string}`>;

const message = line.optional();
const reason = line.optional();
const duration = ms.optional();
const total = ms.optional().describe('ms since run.created');
const output = jsonOrBlob.optional();
const step = { name: part, key: id.optional() };

/** Payloads of the events that move runs, nodes and steps. */
export const lifecyclePayloads = {
  'run.created': open({
    workflow: id,
    version: id.optional().describe("content hash of the workflow's definition"),
    nodes: graphNodes,
    input: jsonOrBlob,
    options: runOptions.optional(),
    owner: id.optional(),
    tags: tags.optional(),
    lineage: lineage.optional(),
    external: z.boolean().optional().describe('true = another system executes'),
  }),
  'run.started': open({}),
  'run.progress': open({ progress: percent, message }),
  'run.paused': open({ reason }),
  'run.resumed': open({ reason }),
  'run.completed': open({ output, duration: total }),
  'run.stopping': open({
    outcome: z.enum(['cancelled', 'failed']),
    reason,
    error: runError.optional(),
    graceUntil: at.describe('ms since the epoch, when what still runs is fenced'),
  }),
  'run.failed': open({ error: runError, duration: total }),
  'run.cancelled': open({ reason, duration: total }),
  'graph.updated': open({
    add: graphNodes.optional(),
    expand: open({
      node: id,
      items: z.union([z.array(json), jsonOrBlob]) as unknown as z.ZodType<
        NonNullable<EventData['graph.updated']['expand']>['items']
      >,
      count: count.describe('items'),
    }).optional(),
  }),
  'node.queued': open({ reason, input: jsonOrBlob.optional(), task: id.optional() }),
  'node.started': open({
    task: id.optional(),
    version: id.optional(),
    worker: id.optional(),
    lease: ms.optional().describe('ms that the attempt is held without a renewal'),
  }),
  'node.progress': open({ progress: percent, message }),
  'node.retrying': open({ error: runError, nextAt: at }),
  'node.waiting': open({ waits: z.array(waitId).describe('ids of the waits that it waits for') }),
  'node.parked': open({ reason: z.enum(['paused', 'draining']) }),
  'node.completed': open({ output, duration, reused: reused.optional() }),
  'node.failed': open({ error: runError, duration }),
  'node.skipped': open({ reason: line }),
  'node.cancelled': open({ reason: line }),
  'attempt.lost': open({ reason: z.enum(['lease_expired', 'fenced', 'hung']) }),
  'step.started': open(step),
  'step.progress': open({ ...step, progress: percent, message }),
  'step.completed': open({ ...step, output, duration, reused: reused.optional() }),
  'step.failed': open({ ...step, error: runError, duration }),
  'checkpoint.saved': open({ key: name, state: jsonOrBlob, reused: reused.optional() }),
} satisfies { [T in Lifecycle]: z.ZodType<EventData[T]> };
