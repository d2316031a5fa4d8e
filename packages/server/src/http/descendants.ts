import { seq } from '@millrace/protocol/field.schema';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { keyHeader, keyOf } from './give-command.ts';
import { callerOf, principalOf, visibleRun } from './guard.ts';
import type { Parts } from './parts.ts';
import { problems, retryBody, runCreated } from './schemas.ts';

const tags = ['runs'];
const config = { access: ['run:act'] as const };
const params = z.object({ id: z.string() });
const response = { 201: runCreated, ...problems(400, 403, 404, 409, 410, 422) };

/** Retry and fork: new runs that begin with what another one has left. */
export const descendants =
  ({ engine, store }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/api/runs/:id/retry',
      {
        config,
        schema: {
          ...{ tags, params, response, headers: keyHeader, body: retryBody },
          summary: 'Start a new run from what an ended one has left; finished results are inherited',
        },
      },
      async (request, reply) => {
        await visibleRun(store, principalOf(request), request.params.id);
        const { id } = request.params;
        return created(request, reply, await engine.retry(callerOf(request), id, request.body, keyOf(request)));
      },
    );

    app.post(
      '/api/runs/:id/fork',
      {
        config,
        schema: {
          ...{ tags, params, response, headers: keyHeader, body: z.strictObject({ seq }) },
          summary: 'Start a new run from the state that a run had at a seq',
        },
      },
      async (request, reply) => {
        await visibleRun(store, principalOf(request), request.params.id);
        const { id } = request.params;
        return created(request, reply, await engine.fork(callerOf(request), id, request.body, keyOf(request)));
      },
    );

    async function created(
      request: FastifyRequest,
      reply: FastifyReply,
      run: { id: string; seq: number; repeated: boolean },
    ): Promise<z.infer<typeof runCreated>> {
      const row = await store.runRow({ tenant: principalOf(request).tenant, run: run.id });
      reply.code(201).header('location', `/api/runs/${run.id}`);
      return { ...run, status: row?.summary.status ?? 'created' };
    }
  };
