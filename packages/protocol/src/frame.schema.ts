import { z } from 'zod';
import { eventSchema, eventType } from './catalogue.ts';
import type { Problem } from './error.ts';
import { at, count, id, json, line, ms, name, opaque, open, seq, text, waitId } from './field.schema.ts';
import type { ClientFrame, EventPage, ListQuery, RunCommand, RunFilter, ServerFrame } from './frame.ts';
import { runError } from './payload-part.schema.ts';
import type { RunSummary, RunView } from './view.ts';

/** cursors that a list with events may name */
const MEMBERS = 1_000;
const names = z.array(id).max(100);
const cursor = z.string().max(100).describe('EPOCH:SEQ, or a bare sequence number');
const token = z.string().max(16_384);
const frameId = z.int().describe("the client's number for this frame; it comes back in the answer");

export const runFilter = open({
  types: z.array(eventType).max(100).optional(),
  nodes: names.optional(),
  agents: names.optional(),
}) satisfies z.ZodType<RunFilter>;

export const listQuery = open({
  owner: id.optional(),
  workflow: id.optional(),
  tag: id.optional(),
  queue: id.optional(),
  status: z.array(id).max(20).optional(),
  limit: z.int().min(1).max(500).optional().describe('rows, newest first; default 50'),
}) satisfies z.ZodType<ListQuery>;

export const runCommand = z.discriminatedUnion('type', [
  open({ type: z.literal('pause'), reason: line.optional() }),
  open({ type: z.literal('resume'), reason: line.optional() }),
  open({ type: z.literal('cancel'), reason: line.optional() }),
  open({ type: z.literal('approve'), approvalId: waitId, decision: id, comment: text.optional() }),
  open({ type: z.literal('provide'), inputId: waitId, value: json }),
]) satisfies z.ZodType<RunCommand>;

export const clientFrame = z.discriminatedUnion('type', [
  open({ type: z.literal('hello'), token: token.optional(), client: line.optional() }),
  open({
    type: z.literal('subscribe'),
    id: frameId,
    run: id,
    after: cursor.optional(),
    filter: runFilter.optional(),
  }),
  open({ type: z.literal('unsubscribe'), id: frameId, run: id, filter: runFilter.optional() }),
  open({
    type: z.literal('list'),
    id: frameId,
    query: listQuery,
    events: z.boolean().optional().describe('follow each run of the list as well'),
    after: z
      .record(id, cursor)
      .refine((cursors) => Object.keys(cursors).length <= MEMBERS, `Expected at most ${MEMBERS} cursors`)
      .optional()
      .describe('with `events`: the cursors from which runs are followed; others from their first event'),
  }),
  open({ type: z.literal('unlist'), id: frameId, list: z.int() }),
  open({
    type: z.literal('command'),
    id: frameId,
    run: id,
    command: runCommand,
    key: name.optional().describe('idempotency key'),
    ctl: count.optional().describe('seq of the last control event that the sender had seen'),
  }),
  open({ type: z.literal('token'), id: frameId, token }),
  open({ type: z.literal('ping'), at: z.number() }),
]) satisfies z.ZodType<ClientFrame>;

export const runSummary = open({
  id,
  workflow: id,
  status: z.enum(['created', 'running', 'paused', 'completed', 'failed', 'cancelled']),
  detail: z.enum(['cancelling', 'failing', 'pausing', 'waiting']).optional(),
  seq: count.describe("the log's head"),
  createdAt: at,
  startedAt: at.optional(),
  endedAt: at.optional(),
  updatedAt: at.describe('ms since the epoch, of the last control event'),
  owner: id.optional(),
  tags: z.array(id),
  external: z.boolean(),
  nodes: open({ ended: count, total: count }),
  openWaits: count,
  cost: z.record(z.string(), z.number()).optional().describe('by currency'),
  error: runError.optional(),
}) satisfies z.ZodType<RunSummary>;

export const problem = open({
  type: z.string(),
  title: z.string(),
  status: z.int().describe('HTTP status'),
  code: id.describe('a code of the table of errors, which grows'),
  detail: z.string().optional(),
  fix: z.string(),
  retry: z.boolean(),
}) as unknown as z.ZodType<Problem>;

const range = {
  run: id,
  seq: seq.describe('the first that the range covers'),
  through: count.describe('the last that the range covers'),
  events: z.array(eventSchema),
};

const key = z.string().describe('names the subscription');

export const serverFrame = z.discriminatedUnion('type', [
  open({
    type: z.literal('hello'),
    wire: z.int(),
    epoch: z.string(),
    server: z.string(),
    heartbeat: ms,
    user: z.string().optional(),
  }),
  open({
    type: z.literal('ok'),
    id: frameId,
    key: key.optional(),
    head: count.optional(),
    result: json.optional(),
  }),
  open({ type: z.literal('error'), id: frameId.optional(), key: key.optional(), problem }),
  open({ type: z.literal('range'), key, ...range }),
  open({ type: z.literal('snapshot'), key, run: id, seq: count, view: opaque<RunView>() }),
  open({ type: z.literal('gap'), key, run: id, requested: cursor, earliest: count, latest: count }),
  open({ type: z.literal('rows'), list: z.int(), rows: z.array(runSummary), total: count }),
  open({ type: z.literal('row'), list: z.int(), row: runSummary }),
  open({ type: z.literal('gone'), list: z.int(), run: id }),
  open({ type: z.literal('pong'), at: z.number(), now: at }),
  open({ type: z.literal('bye'), reason: z.string(), problem: problem.optional() }),
]) satisfies z.ZodType<ServerFrame>;

export const eventPage = open({
  ...range,
  next: cursor.describe('cursor of the following page'),
  head: count,
  done: z.boolean().describe('true = the run has ended and this page reaches its last event'),
}) satisfies z.ZodType<EventPage>;
