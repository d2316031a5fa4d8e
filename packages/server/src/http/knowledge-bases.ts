import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { principalOf } from './guard.ts';
import type { Parts } from './parts.ts';
import { documents, knowledgeBases, problems } from './schemas.ts';

const tags = ['knowledge bases'];
const PAGE = 100;
const PAGE_LIMIT = 1_000;
const querystring = z.object({ limit: z.coerce.number().int().min(1).max(PAGE_LIMIT).default(PAGE) });

/** What kb events of all runs have told: knowledge bases are their tenant's, not their runs' owners'. */
export const knowledgeBaseRoutes =
  ({ store }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/api/kb',
      {
        config: { access: ['run:read'] },
        schema: {
          tags,
          summary: 'The knowledge bases, with the number of their documents by status; newest change first',
          querystring,
          response: { 200: knowledgeBases, ...problems(400, 403) },
        },
      },
      async (request) => ({
        knowledgeBases: await store.knowledgeBases(principalOf(request).tenant, request.query.limit),
      }),
    );

    app.get(
      '/api/kb/:kbId/documents',
      {
        config: { access: ['run:read'] },
        schema: {
          tags,
          summary: "A knowledge base's documents, newest change first; [] where nothing was ever told of it",
          params: z.object({ kbId: z.string() }),
          querystring,
          response: { 200: documents, ...problems(400, 403) },
        },
      },
      async (request) => ({
        documents: await store.documents(principalOf(request).tenant, request.params.kbId, request.query.limit),
      }),
    );
  };
