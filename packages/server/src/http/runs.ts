import { MillraceError, summarise } from '@millrace/protocol';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { redactSummary } from '../auth/auth.ts';
import { keyHeader, keyOf } from './give-command.ts';
import { allow, callerOf, principalOf, visibleRun } from './guard.ts';
import type { Parts } from './parts.ts';
import { createRunBody, problems, runCreated, runDetail, runList, statuses } from './schemas.ts';
import { visibleRows } from './visible-rows.ts';

const tags = ['runs'];
const PAGE = 50;
const PAGE_LIMIT = 500;

export const runs =
  ({ engine, store }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/api/runs',
      {
        config: { access: ['run:act'], redacts: true },
        schema: {
          tags,
          summary: 'Start a run, or open one that another system executes (`external`)',
          headers: keyHeader,
          body: createRunBody,
          response: { 201: runCreated, ...problems(400, 404, 409, 413, 422) },
        },
      },
      async (request, reply) => {
        if (request.body.external) allow(principalOf(request), ['run:append']);
        const key = keyOf(request) ?? request.body.options?.idempotencyKey;
        const { id, seq, repeated } = await engine.create(callerOf(request), request.body, key);
        const row = await store.runRow({ tenant: principalOf(request).tenant, run: id });
        return reply
          .code(201)
          .header('location', `/api/runs/${id}`)
          .send({ id, seq, status: row?.summary.status ?? 'created', repeated });
      },
    );

    app.get(
      '/api/runs',
      {
        config: { access: ['run:read'], limited: true, redacts: true },
        schema: {
          tags,
          summary: 'The runs that you may see, newest first',
          querystring: z.object({
            workflow: z.string().optional(),
            tag: z.string().optional(),
            owner: z.string().optional(),
            queue: z.string().optional(),
            status: z
              .string()
              .transform((text) => text.split(','))
              .pipe(z.array(z.enum(statuses)))
              .optional()
              .describe('one or several, separated by commas'),
            before: z.string().max(100).optional().describe("the last page's `next`"),
            limit: z.coerce.number().int().min(1).max(PAGE_LIMIT).default(PAGE),
          }),
          response: {
            200: runList,
            ...problems(400),
          },
        },
      },
      async (request) => {
        const { limit, ...filter } = request.query;
        const principal = principalOf(request);
        const { rows, total } = await visibleRows(store, principal, filter, limit);
        const next = rows.length === limit ? rows.at(-1)?.run : undefined;
        return { runs: rows.map(({ summary }) => redactSummary(summary, principal)), total, next };
      },
    );

    app.get(
      '/api/runs/:id',
      {
        config: { access: ['run:read'], limited: true },
        schema: {
          tags,
          summary: 'One run: status, nodes, open waits, output',
          params: z.object({ id: z.string() }),
          response: { 200: runDetail, ...problems(403, 404, 410) },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        const row = await visibleRun(store, principal, request.params.id);
        const found = await engine.control({ tenant: row.tenant, run: row.run });
        if (!found) throw new MillraceError('run_not_found');
        const { control, head } = found;
        const { nodes: nodeCounts, ...summary } = summarise(control, head, row.summary.updatedAt);
        return {
          ...summary,
          version: control.version,
          lineage: control.lineage,
          output: control.output,
          reason: control.reason,
          input: control.input,
          graph: control.graph,
          nodeCounts,
          nodes: Object.values(control.nodes),
          waits: Object.values(control.waits).filter((wait) => wait.status === 'open'),
          usage: control.usage,
        };
      },
    );
  };
