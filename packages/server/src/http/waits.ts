import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { giveCommand, keyHeader } from './give-command.ts';
import type { Parts } from './parts.ts';
import { json, problems } from './schemas.ts';
import { decisionBody, valueBody } from './wait-schemas.ts';

const tags = ['waits'];
const config = { access: ['run:act'] as const, limited: true as const, redacts: true as const };

/** Answers to what runs wait for; the first one stands. */
export const waits =
  (parts: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/api/runs/:id/approvals/:approvalId',
      {
        config,
        schema: {
          tags,
          summary: 'Decide an approval that the run waits for; the first decision stands',
          headers: keyHeader,
          params: z.object({ id: z.string(), approvalId: z.string() }),
          body: decisionBody,
          response: {
            200: z.object({ seq: z.number(), approvalId: z.string(), decision: z.string(), result: json.optional() }),
            ...problems(400, 404, 409, 410),
          },
        },
      },
      async (request) => {
        const { id, approvalId } = request.params;
        const { decision, comment } = request.body;
        const command = {
          ...{ type: 'approve' as const, approvalId, decision },
          ...(comment === undefined ? {} : { comment }),
        };
        return { ...(await giveCommand(parts, request, id, command)), approvalId, decision };
      },
    );

    app.post(
      '/api/runs/:id/inputs/:inputId',
      {
        config,
        schema: {
          tags,
          summary: 'Give an input that the run waits for; the first one that fits its schema stands',
          headers: keyHeader,
          params: z.object({ id: z.string(), inputId: z.string() }),
          body: valueBody,
          response: {
            200: z.object({ seq: z.number(), inputId: z.string(), result: json.optional() }),
            ...problems(400, 404, 409, 410, 422),
          },
        },
      },
      async (request) => {
        const { id, inputId } = request.params;
        const command = { type: 'provide' as const, inputId, value: request.body.value };
        return { ...(await giveCommand(parts, request, id, command)), inputId };
      },
    );
  };
