import { type ControlView, type CreateRun, type Json, MillraceError, type RunCommand } from '@millrace/protocol';
import { type Job, jobOf, jobOfSummary } from '@millrace/protocol/dialects/jobs';
import { jobMessageTypes } from '@millrace/protocol/dialects/jobs-source';
import { id, line } from '@millrace/protocol/field.schema';
import { runSummary } from '@millrace/protocol/frame.schema';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { redactSummary } from '../auth/auth.ts';
import { loadCheckpoint } from '../engine/checkpoint.ts';
import { giveCommand, keyHeader, keyOf } from './give-command.ts';
import { callerOf, principalOf, visibleRun } from './guard.ts';
import type { Parts } from './parts.ts';
import { viewOf } from './run-view.ts';
import { answer, json, problems, statuses } from './schemas.ts';
import { visibleRows } from './visible-rows.ts';

const tags = ['jobs'];
const PAGE = 50;
const PAGE_LIMIT = 500;
const params = z.object({ jobId: z.string() });

const job = answer<Job>(
  z.looseObject({
    id: z.string(),
    jobId: z.string().describe('the same'),
    type: z.string(),
    state: z.enum(statuses),
    progress: z.number().describe('percent'),
    createdAt: z.string().describe('ISO 8601, UTC'),
    updatedAt: z.string(),
    seq: z.number().describe('of its newest event'),
  }),
);

const checkpoint = z.object({
  jobId: z.string(),
  node: z.string(),
  key: z.string(),
  seq: z.number().describe('of the event that saved it'),
  savedAt: z.string().describe('ISO 8601, UTC'),
  state: json,
});

/** Commands by the verbs of the job API. */
const orders = [
  ['PATCH', 'cancel', 'Cancel a job that has not ended'],
  ['POST', 'pause', 'Pause a running job'],
  ['POST', 'resume', 'Resume a paused job'],
] as const satisfies [string, RunCommand['type'], string][];

/** Runs under the words of the job API: a job is a run, its type is the workflow's name. */
export const jobs =
  (parts: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    const { engine, store, clock } = parts;

    app.post(
      '/api/jobs',
      {
        config: { access: ['run:act'], redacts: true, tokenless: true },
        schema: {
          tags,
          summary: 'Create a job: a run of the workflow or task `type`, with the other fields as its input',
          headers: keyHeader,
          body: z.looseObject({ type: id }),
          response: { 201: job, ...problems(400, 404, 409, 413, 422) },
        },
      },
      async (request, reply) => {
        const { type, ...input } = request.body;
        const caller = callerOf(request);
        const how = await howToRun(caller.tenant, type);
        const wanted: CreateRun = { workflow: type, input: input as Json, ...how };
        const { id: run } = await engine.create(caller, wanted, keyOf(request));
        const view = await viewOf(store, { tenant: caller.tenant, run });
        return reply.code(201).header('location', `/api/jobs/${run}`).send(jobOf(view));
      },
    );

    /**
     * A type that is no workflow may be the name of a task. Else, where publishers are read, one of them executes it:
     * the run is external.
     */
    async function howToRun(tenant: string, type: string): Promise<Pick<CreateRun, 'nodes' | 'external'>> {
      if (await store.definition(tenant, type)) return {};
      const isTask = engine.workers(tenant).some(({ tasks }) => tasks.some(({ name }) => name === type));
      if (isTask) return { nodes: [{ id: type, task: type }] };
      return parts.publishers ? { external: true } : {};
    }

    app.get(
      '/api/jobs',
      {
        config: { access: ['run:read'], limited: true, redacts: true, tokenless: true },
        schema: {
          tags,
          summary: 'The jobs that you may see, newest first',
          querystring: z.object({
            type: z.string().optional(),
            state: z
              .string()
              .transform((text) => text.split(','))
              .pipe(z.array(z.enum(statuses)))
              .optional()
              .describe('one or several, separated by commas'),
            before: z.string().max(100).optional().describe("the last page's `next`"),
            limit: z.coerce.number().int().min(1).max(PAGE_LIMIT).default(PAGE),
          }),
          response: {
            200: z.object({ jobs: z.array(job), total: z.number(), next: z.string().optional() }),
            ...problems(400),
          },
        },
      },
      async (request) => {
        const { limit, type, state, before } = request.query;
        const principal = principalOf(request);
        const filter = { workflow: type, status: state, before };
        const { rows, total } = await visibleRows(store, principal, filter, limit);
        const next = rows.length === limit ? rows.at(-1)?.run : undefined;
        return { jobs: rows.map(({ summary }) => jobOfSummary(redactSummary(summary, principal))), total, next };
      },
    );

    app.get(
      '/api/jobs/:jobId',
      {
        config: { access: ['run:read'], limited: true, tokenless: true },
        schema: { tags, summary: 'One job', params, response: { 200: job, ...problems(403, 404, 410) } },
      },
      async (request) =>
        jobOf(await viewOf(store, await visibleRun(store, principalOf(request), request.params.jobId))),
    );

    for (const [method, type, summary] of orders) {
      app.route({
        method,
        url: `/api/jobs/:jobId/${type}`,
        config: { access: ['run:act'], limited: true, tokenless: true },
        schema: {
          tags,
          summary,
          headers: keyHeader,
          params,
          body: z.strictObject({ reason: line.optional() }).nullish(),
          response: { 200: job, ...problems(400, 403, 404, 409, 410) },
        },
        handler: async (request) => {
          const { jobId: run } = request.params;
          const { reason } = request.body ?? {};
          await giveCommand(parts, request, run, { type, ...(reason === undefined ? {} : { reason }) });
          return jobOf(await viewOf(store, { tenant: principalOf(request).tenant, run }));
        },
      });
    }

    app.post(
      '/api/jobs/:jobId/events',
      {
        config: { access: ['run:append'], limited: true },
        schema: {
          tags,
          summary: 'What a publisher says of its job; the same `producer` and `sequence` again write nothing twice',
          params,
          body: z.looseObject({
            type: z.enum(jobMessageTypes),
            userId: z.string(),
            producer: z.strictObject({ id: z.string().min(1).max(200), sequence: z.int().min(1) }).optional(),
          }),
          response: {
            200: z.object({
              state: z.enum(statuses).describe('of the job now: a paused or cancelled one is to stop'),
              detail: runSummary.shape.detail.describe('cancelling: the publisher is to stop'),
              repeated: z.boolean(),
            }),
            ...problems(400, 403, 404, 409, 410, 413, 422),
          },
        },
      },
      async (request) => {
        const { run } = await visibleRun(store, principalOf(request), request.params.jobId);
        return parts.publish(callerOf(request), run, request.body);
      },
    );

    app.get(
      '/api/jobs/:jobId/checkpoint',
      {
        config: { access: ['run:read'], limited: true, tokenless: true },
        schema: {
          tags,
          summary: 'The newest checkpoint of a job, of one node or key where they are named',
          params,
          querystring: z.object({ node: z.string().optional(), key: z.string().optional() }),
          response: { 200: checkpoint, ...problems(403, 404, 410) },
        },
      },
      async (request) => {
        const row = await visibleRun(store, principalOf(request), request.params.jobId);
        const found = await engine.control(row);
        if (!found) throw new MillraceError('run_not_found');
        const place = newestCheckpoint(found.control, request.query);
        const { seq, at, state } = loadCheckpoint(found.control, place, clock.now());
        return { jobId: row.run, ...place, seq, savedAt: new Date(at).toISOString(), state: state as Json };
      },
    );
  };

/** Errors: checkpoint_not_found, with the keys that there are. */
function newestCheckpoint(
  { nodes }: ControlView,
  asked: { node?: string | undefined; key?: string | undefined },
): { node: string; key: string } {
  const saved = Object.values(nodes).flatMap((node) =>
    Object.entries(node.checkpoints ?? {}).map(([key, { seq }]) => ({ node: node.id, key, seq })),
  );
  const [newest] = saved
    .filter(({ node, key }) => node === (asked.node ?? node) && key === (asked.key ?? key))
    .sort((a, b) => b.seq - a.seq);
  if (newest) return { node: newest.node, key: newest.key };
  throw new MillraceError('checkpoint_not_found', {
    detail: saved.length === 0 ? 'The job has never saved a checkpoint.' : 'The job never saved this checkpoint.',
    facts: { saved: saved.map(({ node, key }) => ({ node, key })) },
  });
}
