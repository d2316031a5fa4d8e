import { IDEMPOTENCY_HEADER } from '@millrace/protocol';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf, principalOf, visibleRun } from './guard.ts';
import type { Parts } from './parts.ts';
import { json, problems } from './schemas.ts';

export const approvals =
  ({ engine, store }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/api/runs/:id/approvals/:approvalId',
      {
        config: { access: ['run:act'], limited: true },
        schema: {
          tags: ['approvals'],
          summary: 'Decide an approval that the run waits for; the first decision stands',
          headers: z.object({ [IDEMPOTENCY_HEADER]: z.string().min(1).max(200).optional() }),
          params: z.object({ id: z.string(), approvalId: z.string() }),
          body: z.strictObject({
            decision: z.string().min(1).max(100).describe("approved, rejected, or one of the request's options"),
            comment: z.string().max(10_000).optional(),
          }),
          response: {
            200: z.object({ seq: z.number(), approvalId: z.string(), decision: z.string(), result: json.optional() }),
            ...problems(400, 404, 409),
          },
        },
      },
      async (request) => {
        const { id, approvalId } = request.params;
        const { decision, comment } = request.body;
        await visibleRun(store, principalOf(request), id);
        const key = request.headers[IDEMPOTENCY_HEADER];
        const answer = await engine.command(
          callerOf(request),
          id,
          { type: 'approve', approvalId, decision, ...(comment === undefined ? {} : { comment }) },
          key === undefined ? {} : { key },
        );
        return { ...answer, approvalId, decision };
      },
    );
  };
