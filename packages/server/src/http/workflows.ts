import type { WorkflowDefinition } from '@millrace/protocol';
import { MillraceError } from '@millrace/protocol/error';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf, principalOf } from './guard.ts';
import type { Parts } from './parts.ts';
import { problems, storedWorkflow, workflowBody, workflowVersions } from './schemas.ts';

const tags = ['workflows'];
const params = z.object({ name: z.string().min(1).max(200) });

export const workflows =
  ({ engine, store }: Parts): FastifyPluginAsyncZod =>
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
        if (!found) throw unknown(request.params.name);
        return found;
      },
    );

    app.get(
      '/api/workflows/:name/versions',
      {
        config: { access: ['run:read'] },
        schema: {
          tags,
          summary: 'Every version of a workflow that is stored, newest first; a run finishes on the one it began with',
          params,
          response: { 200: workflowVersions, ...problems(404) },
        },
      },
      async (request) => {
        const { name } = request.params;
        const stored = await store.definitionVersions(principalOf(request).tenant, name);
        if (stored.length === 0) throw unknown(name);
        const versions = stored.map(({ hash, at, text }) => ({
          ...(JSON.parse(text) as WorkflowDefinition),
          hash,
          at,
        }));
        return { name, versions };
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

function unknown(name: string): MillraceError {
  return new MillraceError('workflow_not_found', { detail: `The name was "${name}".` });
}
