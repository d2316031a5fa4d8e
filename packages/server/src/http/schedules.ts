import type { Schedule } from '@millrace/protocol';
import { MillraceError } from '@millrace/protocol/error';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { byOf, ownOnly, type Principal } from '../auth/auth.ts';
import type { ScheduleInfo } from '../scheduler/face.ts';
import { callerOf, principalOf } from './guard.ts';
import type { Parts } from './parts.ts';
import { problems, scheduleBody, scheduleInfo } from './schemas.ts';

const tags = ['schedules'];
const params = z.object({ id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/) });

/** A user has their own schedules, an operator the tenant's. */
export const schedules =
  ({ schedules: service }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/api/schedules',
      {
        config: { access: ['run:read'] },
        schema: {
          tags,
          summary: 'The schedules that you may see, with their next and last firing',
          response: { 200: z.object({ schedules: z.array(scheduleInfo) }), ...problems(403) },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        const all = await service.list(principal.tenant);
        return { schedules: all.filter((schedule) => holds(principal, schedule)) };
      },
    );

    app.get(
      '/api/schedules/:id',
      {
        config: { access: ['run:read'] },
        schema: { tags, summary: 'One schedule', params, response: { 200: scheduleInfo, ...problems(400, 403, 404) } },
      },
      async (request) => held(principalOf(request), request.params.id),
    );

    app.put(
      '/api/schedules/:id',
      {
        config: { access: ['run:act'] },
        schema: {
          tags,
          summary: 'Start runs of a workflow by the clock: by a cron expression, or every so many ms',
          params,
          body: scheduleBody,
          response: { 200: scheduleInfo, ...problems(400, 403, 404, 422) },
        },
      },
      async (request) => {
        const { id } = request.params;
        const principal = principalOf(request);
        const before = await service.find(principal.tenant, id);
        if (before && !holds(principal, before)) throw foreign(id);
        const schedule: Schedule = { ...request.body, id };
        return service.put(callerOf(request), schedule);
      },
    );

    app.delete(
      '/api/schedules/:id',
      {
        config: { access: ['run:act'] },
        schema: {
          tags,
          summary: 'Remove a schedule; its runs stay',
          params,
          response: { 204: z.undefined(), ...problems(400, 403, 404) },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request);
        await held(principal, request.params.id);
        await service.delete(principal.tenant, request.params.id);
        return reply.code(204).send();
      },
    );

    async function held(principal: Principal, id: string): Promise<ScheduleInfo> {
      const found = await service.find(principal.tenant, id);
      if (!found || !holds(principal, found)) {
        throw new MillraceError('schedule_not_found', { detail: `There is no schedule "${id}" that you may see.` });
      }
      return found;
    }
  };

function holds(principal: Principal, schedule: ScheduleInfo): boolean {
  return !ownOnly(principal) || schedule.by === byOf(principal);
}

/** Ids are the tenant's, so whoever wants one that is taken has to be told. */
function foreign(id: string): MillraceError {
  return new MillraceError('forbidden', { detail: `Somebody else has a schedule "${id}". Choose another id.` });
}
