import {
  type Assignment,
  type AttemptAnswer,
  type BlobRef,
  type ControlView,
  errors,
  type LeaseState,
  type NewEvent,
  type NodeView,
  type RetryRun,
  type RunSummary,
  type Schedule,
  type WaitView,
  type WorkflowDefinition,
} from '@millrace/protocol';
import { eventSchema } from '@millrace/protocol/catalogue';
import {
  createRun,
  appendAnswer as protocolAppendAnswer,
  workflowDefinition as protocolWorkflow,
} from '@millrace/protocol/command.schema';
import { at, count, id, json, line, ms, name } from '@millrace/protocol/field.schema';
import { eventPage as protocolPage, runSummary } from '@millrace/protocol/frame.schema';
import { NODE_LIMIT } from '@millrace/protocol/graph';
import { graphNode, retryPolicy } from '@millrace/protocol/graph.schema';
import { lineage, runOptions, tags } from '@millrace/protocol/payload-part.schema';
import { z } from 'zod';
import type { WorkerInfo } from '../engine/face.ts';
import type { ScheduleInfo } from '../scheduler/face.ts';
import type { DocumentRow, KnowledgeBaseRow } from '../store/store.ts';

/**
 * What requests must look like and answers do look like; the OpenAPI document is made of these. Shapes are the
 * protocol's. Logs grow additively, so there unknown fields are kept; a request that names a field that nobody knows is
 * a mistake, and refused by the field's name.
 */

export { json };

/** An answer whose type is one of ours: the schema documents it and is not run. */
export function answer<T>(schema: z.ZodType): z.ZodType<T> {
  return schema as z.ZodType<T>;
}

export const statuses = runSummary.shape.status.options;
export const idempotencyKey = z.string().min(1).max(200).optional();

const strictNodes = z.array(graphNode.extend({ retry: retryPolicy.strict().optional() }).strict()).max(NODE_LIMIT);
const strictOptions = runOptions.strict();

/** Where a run comes from is not its starter's to say. */
export const createRunBody = createRun
  .omit({ lineage: true })
  .extend({
    nodes: strictNodes.optional().describe('a graph to run once instead of the registered one'),
    options: strictOptions.optional(),
  })
  .strict();

export const runCreated = z.object({
  id: z.string(),
  seq: z.number(),
  status: z.enum(statuses),
  repeated: z.boolean().describe('true = the idempotency key had started this run before'),
});

export const runList = answer<{ runs: RunSummary[]; total: number; next?: string }>(
  z.object({ runs: z.array(runSummary), total: z.number(), next: z.string().optional() }),
);

const detail = runSummary.omit({ nodes: true }).extend({
  version: z.string().optional().describe("content hash of the workflow's definition"),
  lineage: lineage.optional(),
  input: json,
  output: json.optional(),
  reason: z.string().optional(),
  graph: z.array(graphNode),
  nodeCounts: z.object({ ended: z.number(), total: z.number() }),
  nodes: z.array(z.looseObject({ id: z.string(), status: z.string(), attempt: z.number() })),
  waits: z.array(z.looseObject({ id: z.string(), kind: z.string(), node: z.string() })).describe('the open ones'),
  usage: z.object({
    inputTokens: z.number(),
    outputTokens: z.number(),
    cost: z.record(z.string(), z.number()),
  }),
});

/** A run's summary with what its control view holds; `nodes` are the nodes themselves here. */
export type RunDetail = Omit<RunSummary, 'nodes'> &
  Pick<ControlView, 'version' | 'lineage' | 'input' | 'output' | 'reason' | 'graph' | 'usage'> & {
    nodeCounts: RunSummary['nodes'];
    nodes: NodeView[];
    waits: WaitView[];
  };
export const runDetail = answer<RunDetail>(detail);

/** The catalogue judges type and data; here stands only what every event has. Who sent it is known from the token. */
export const newEvent = z.strictObject({
  type: z.string().min(1).max(100),
  node: name.optional(),
  step: z.string().min(1).max(400).optional(),
  attempt: z.number().int().min(1).optional(),
  data: z.record(z.string(), json).default({}),
});

/** Events that the engine has still to check against the catalogue. */
export function asEvents(events: readonly z.infer<typeof newEvent>[]): NewEvent[] {
  return events as unknown as NewEvent[];
}

/** The page itself is text: stored events go out as they are. */
export const eventPage = answer<string>(protocolPage);

export const appendAnswer = protocolAppendAnswer;

/** An attempt is told of waits that ended while it ran. */
export const attemptAnswer = answer<AttemptAnswer>(
  appendAnswer.extend({ ended: z.array(z.looseObject({ id: z.string() })).optional() }),
);

export const workflowDefinition = protocolWorkflow.extend({ nodes: strictNodes }).strict();
export const workflowBody = workflowDefinition.omit({ name: true });
export const storedWorkflow = workflowDefinition.extend({ hash: z.string() });

export const workflowVersions = answer<{
  name: string;
  versions: (WorkflowDefinition & { hash: string; at: number })[];
}>(
  z.object({
    name: z.string(),
    versions: z.array(storedWorkflow.extend({ at: at.describe('ms since the epoch') })),
  }),
);

export const retryBody = z.strictObject({
  from: z
    .union([z.literal('start'), z.literal('failed'), z.strictObject({ node: id, step: line.optional() })])
    .describe('the start, the failed nodes, or a finished node or step, which is done again with all that follows'),
  input: json.optional().describe("replaces the run's input; only from the start"),
}) satisfies z.ZodType<RetryRun>;

export const scheduleBody = z.strictObject({
  workflow: id,
  input: json.optional(),
  cron: line.optional().describe('five or six fields; exactly one of cron and every'),
  every: z.int().min(1).optional().describe('ms'),
  timezone: z.string().max(100).optional().describe('IANA name, e.g. Europe/Berlin; default UTC'),
  enabled: z.boolean().default(true),
  tags: tags.optional(),
  options: strictOptions.optional(),
}) satisfies z.ZodType<Omit<Schedule, 'id'>>;

export const scheduleInfo = answer<ScheduleInfo>(
  scheduleBody.extend({
    id: z.string(),
    enabled: z.boolean(),
    by: z.string().describe('who put it first; its runs are theirs'),
    nextAt: at.optional().describe('its next firing; absent = it will not fire'),
    lastRun: z.string().optional(),
    lastAt: at.optional(),
    lastError: z.object({ at, code: z.string(), message: z.string() }).optional(),
  }),
);

export const knowledgeBases = answer<{ knowledgeBases: KnowledgeBaseRow[] }>(
  z.object({
    knowledgeBases: z.array(
      z.object({
        kbId: z.string(),
        documents: z.object({ processing: count, completed: count, failed: count }),
        chunks: count,
        embeddings: count,
        at: at.describe('of the newest change'),
      }),
    ),
  }),
);

export const documents = answer<{ documents: DocumentRow[] }>(
  z.object({
    documents: z.array(
      z.object({
        kbId: z.string(),
        documentId: z.string(),
        fileName: z.string(),
        run: z.string().describe('that told of it last'),
        status: z.enum(['processing', 'completed', 'failed']),
        at,
        bytes: count.optional(),
        chunks: count.optional(),
        embeddings: count.optional(),
        error: z.string().optional(),
      }),
    ),
  }),
);

export const documentTaken = z.object({
  run: z.string().describe('the run of `ingest`'),
  documentId: z.string(),
  sha256: z.string().describe('of its bytes'),
  repeated: z.boolean(),
});

export const foundChunks = z.object({
  chunks: z.array(
    z.object({
      documentId: z.string(),
      fileName: z.string(),
      heading: z.string().describe('the headings it stands under, outermost first, joined by ` › `; may be empty'),
      text: z.string(),
      score: z.number().describe('orders this answer, and means nothing beyond it'),
    }),
  ),
  searched: count.describe('documents that were searched'),
  unsearched: count.describe(
    'completed documents that were not: not indexed by the shipped `ingest`, or their run is deleted',
  ),
});
export type FoundChunks = z.infer<typeof foundChunks>;

export const leaseRef = z.object({
  run: z.string().max(100),
  node: name,
  attempt: z.number().int().min(1),
});

const leaseState = leaseRef.extend({
  state: z.enum(['held', 'pause', 'cancel', 'timeout', 'lost']),
  reason: z.string().optional(),
});

export const leaseStates = answer<{ leases: LeaseState[] }>(z.object({ leases: z.array(leaseState) }));

export const workerList = answer<{ workers: WorkerInfo[] }>(
  z.object({
    workers: z.array(
      z.object({
        id: z.string(),
        tasks: z.array(z.object({ name: z.string(), version: z.string().optional() })),
        concurrency: z.number(),
        lastSeen: ms,
        leases: z.number(),
        local: z.boolean().describe("true = it lives in the server's own process"),
      }),
    ),
  }),
);

export const workerRegistration = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,199}$/),
  tasks: z
    .array(z.strictObject({ name: z.string().min(1).max(200), version: z.string().max(100).optional() }))
    .max(1000),
  workflows: z.array(workflowDefinition).max(1000).default([]),
  concurrency: z.number().int().min(1).max(10_000),
  queues: z.array(z.string().max(200)).max(1000).optional(),
});

const assignment = z.looseObject({
  run: z.string(),
  node: z.string(),
  attempt: z.number(),
  task: z.string(),
  workflow: z.string(),
  input: json,
  leaseMs: z.number(),
});

export const assignments = answer<{ assignments: Assignment[] }>(z.object({ assignments: z.array(assignment) }));

export const blobRef = z.object({
  $blob: z.string(),
  bytes: z.number(),
  type: z.string(),
}) satisfies z.ZodType<BlobRef>;

export const problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  code: z.enum(Object.keys(errors) as [keyof typeof errors, ...(keyof typeof errors)[]]),
  detail: z.string().optional(),
  fix: z.string(),
  retry: z.boolean(),
  requestId: z.string(),
});
z.globalRegistry.add(problem, { id: 'Problem' });
z.globalRegistry.add(graphNode, { id: 'GraphNode' });
z.globalRegistry.add(eventSchema, { id: 'Event' });
z.globalRegistry.add(runSummary, { id: 'RunSummary' });

const titles: Record<number, string> = Object.fromEntries(
  [400, 401, 403, 404, 409, 410, 413, 422, 503].map((http) => [
    http,
    Object.entries(errors)
      .filter(([, row]) => row.http === http)
      .map(([code]) => code)
      .join(', '),
  ]),
);

/** The documented errors of a route, beside those that every route may answer. */
export function problems(...statuses: number[]): Record<number, unknown> {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: titles[status] ?? '', content: { 'application/problem+json': { schema: problem } } },
    ]),
  );
}
