import { MillraceError } from '@millrace/protocol/error';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf, principalOf } from './guard.ts';
import type { Parts } from './parts.ts';
import { problems, storedWorkflow, workflowBody } from './schemas.ts';

const tags = ['workflows'];
const params = z.object({ name: z.string().min(1).max(200) });

export const workflows =
  ({ engine }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/api/workflows',
      {
        config: { access: ['run:read'] },
        schema: {
          tags,
          summary: 'The registered workflows, by name',
          response: { 200: z.object({ workflows: z.array(storedWorkflow) }) },
        },
      },
      async (request) => ({ workflows: await engine.workflows(principalOf(request).tenant) }),
    );

    app.get(
      '/api/workflows/:name',
      {
        config: { access: ['run:read'] },
        schema: { tags, summary: 'One workflow', params, response: { 200: storedWorkflow, ...problems(404) } },
      },
      async (request) => {
        const all = await engine.workflows(principalOf(request).tenant);
        const found = all.find(({ name }) => name === request.params.name);
        if (!found) throw new MillraceError('workflow_not_found', { detail: `The name was "${request.params.name}".` });
        return found;
      },
    );

    app.put(
      '/api/workflows/:name',
      {
        config: { access: ['run:act'], roles: ['operator', 'admin'] },
        schema: {
          tags,
          summary: 'Register a workflow; runs that have begun keep the version they began with',
          params,
          body: workflowBody,
          response: { 200: z.object({ name: z.string(), hash: z.string() }), ...problems(400, 403, 422) },
        },
      },
      async (request) => engine.putWorkflow(callerOf(request), { ...request.body, name: request.params.name }),
    );
  };
