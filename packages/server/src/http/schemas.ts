import {
  type Assignment,
  type AttemptAnswer,
  type BlobRef,
  type ControlView,
  errors,
  type GraphNode,
  type Json,
  type LeaseState,
  type NewEvent,
  type NodeView,
  type RunSummary,
  type WaitView,
} from '@millrace/protocol';
import { z } from 'zod';
import type { WorkerInfo } from '../engine/face.ts';

/** What requests must look like and answers do look like; the OpenAPI document is made of these. */

export const json: z.ZodType<Json> = z.json();

/** An answer whose type is one of ours: the schema documents it and is not run. */
export function answer<T>(schema: z.ZodType): z.ZodType<T> {
  return schema as z.ZodType<T>;
}

export const statuses = ['created', 'running', 'paused', 'completed', 'failed', 'cancelled'] as const;
const nodeId = z.string().min(1).max(200);
const ms = z.number().int().min(0);

export const graphNode = z.strictObject({
  id: z.string().min(1).max(100),
  task: z.string().max(200).optional(),
  workflow: z.string().max(200).optional(),
  needs: z.array(z.string()).optional(),
  input: json.optional(),
  when: z.string().optional(),
  forEach: z.string().optional(),
  join: z.enum(['all', 'any']).optional(),
  retry: z
    .strictObject({
      attempts: z.number().int().min(1),
      delay: ms.optional(),
      factor: z.number().min(1).optional(),
      maxDelay: ms.optional(),
    })
    .optional(),
  timeout: ms.optional(),
  queue: z.string().max(200).optional(),
  priority: z.number().optional(),
  concurrency: z.strictObject({ key: z.string().max(200), limit: z.number().int().min(1) }).optional(),
  rate: z.strictObject({ key: z.string().max(200), limit: z.number().int().min(1), per: ms }).optional(),
  onError: z.string().max(100).optional(),
}) satisfies z.ZodType<GraphNode>;

export const createRunBody = z.strictObject({
  workflow: z.string().min(1).max(200),
  input: json.optional(),
  nodes: z.array(graphNode).optional().describe('a graph to run once instead of the registered one'),
  options: z
    .strictObject({
      priority: z.number().optional(),
      delayUntil: ms.optional(),
      ttl: ms.optional(),
      queue: z.string().max(200).optional(),
      budget: z.strictObject({ amount: z.number(), currency: z.string() }).optional(),
      idempotencyKey: z.string().min(1).max(200).optional(),
      concurrency: z.strictObject({ key: z.string().max(200), limit: z.number().int().min(1) }).optional(),
    })
    .optional(),
  tags: z.array(z.string().min(1).max(200)).max(50).optional(),
  external: z.boolean().optional().describe('another system executes and appends'),
});

export const runCreated = z.object({
  id: z.string(),
  seq: z.number(),
  status: z.enum(statuses),
  repeated: z.boolean().describe('true = the idempotency key had started this run before'),
});

const runError = z.looseObject({ code: z.string(), message: z.string() });

const summary = z.object({
  id: z.string(),
  workflow: z.string(),
  status: z.enum(statuses),
  detail: z.enum(['cancelling', 'failing', 'pausing', 'waiting']).optional(),
  seq: z.number().describe("the log's head"),
  createdAt: ms.describe('ms since the epoch'),
  startedAt: ms.optional(),
  endedAt: ms.optional(),
  updatedAt: ms,
  owner: z.string().optional(),
  tags: z.array(z.string()),
  external: z.boolean(),
  nodes: z.object({ ended: z.number(), total: z.number() }),
  openWaits: z.number(),
  cost: z.record(z.string(), z.number()).optional(),
  error: runError.optional(),
}) satisfies z.ZodType<RunSummary>;

export const runList = answer<{ runs: RunSummary[]; total: number; next?: string }>(
  z.object({ runs: z.array(summary), total: z.number(), next: z.string().optional() }),
);

const detail = summary.omit({ nodes: true }).extend({
  version: z.string().optional().describe("content hash of the workflow's definition"),
  lineage: z.looseObject({}).optional(),
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
  node: nodeId.optional(),
  step: z.string().min(1).max(400).optional(),
  attempt: z.number().int().min(1).optional(),
  data: z.record(z.string(), json).default({}),
});

/** Events that the engine has still to check against the catalogue. */
export function asEvents(events: readonly z.infer<typeof newEvent>[]): NewEvent[] {
  return events as unknown as NewEvent[];
}

/** The page itself is text: stored events go out as they are. */
export const eventPage = answer<string>(
  z.object({
    run: z.string(),
    seq: z.number(),
    through: z.number().describe('the page covers seq … through'),
    events: z.array(z.looseObject({ seq: z.number(), at: ms, type: z.string(), data: z.record(z.string(), json) })),
    next: z.string().describe('cursor of the following page'),
    head: z.number(),
    done: z.boolean().describe('the run has ended and this page reaches its last event'),
  }),
);

export const appendAnswer = z.object({
  seq: z.number().describe('of the last event written'),
  repeated: z.boolean().optional().describe('true = it had been written before; nothing was written now'),
});

/** An attempt is told of waits that ended while it ran. */
export const attemptAnswer = answer<AttemptAnswer>(
  appendAnswer.extend({ ended: z.array(z.looseObject({ id: z.string() })).optional() }),
);

export const workflowBody = z.strictObject({
  title: z.string().max(200).optional(),
  description: z.string().max(10_000).optional(),
  nodes: z.array(graphNode),
  input: json.optional().describe("JSON Schema of the run's input"),
  example: json.optional(),
  output: z.string().optional(),
});

export const workflowDefinition = workflowBody.extend({ name: z.string().min(1).max(200) });
export const storedWorkflow = workflowDefinition.extend({ hash: z.string() });

export const leaseRef = z.object({
  run: z.string().max(100),
  node: nodeId,
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

const titles: Record<number, string> = Object.fromEntries(
  [400, 403, 404, 409, 410, 413, 422, 503].map((http) => [
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
