import { line } from '@millrace/protocol/field.schema';
import { runSummary } from '@millrace/protocol/frame.schema';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ctl, giveCommand, keyHeader } from './give-command.ts';
import { principalOf } from './guard.ts';
import type { Parts } from './parts.ts';
import { problems } from './schemas.ts';

const summaries = {
  pause: 'Pause a running run: nothing new is started, attempts are asked to stop',
  resume: 'Resume a paused run',
  cancel: 'Cancel a run that has not ended',
};

export const commands =
  (parts: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    for (const type of ['pause', 'resume', 'cancel'] as const) {
      app.post(
        `/api/runs/:id/${type}`,
        {
          config: { access: ['run:act'], limited: true, redacts: true },
          schema: {
            tags: ['commands'],
            summary: summaries[type],
            headers: keyHeader,
            params: z.object({ id: z.string() }),
            body: z.strictObject({ reason: line.optional(), ctl }).nullish(),
            response: {
              200: z.object({
                seq: z.number().describe('of the event that records it'),
                status: runSummary.shape.status,
                detail: runSummary.shape.detail.describe('pausing, cancelling: attempts are still winding down'),
              }),
              ...problems(400, 403, 404, 409, 410),
            },
          },
        },
        async (request) => {
          const { id } = request.params;
          const { reason, ctl: seen } = request.body ?? {};
          const command = { type, ...(reason === undefined ? {} : { reason }) };
          const { seq } = await giveCommand(parts, request, id, command, seen);
          const row = await parts.store.runRow({ tenant: principalOf(request).tenant, run: id });
          return { seq, status: row?.summary.status ?? 'cancelled', detail: row?.summary.detail };
        },
      );
    }
  };
