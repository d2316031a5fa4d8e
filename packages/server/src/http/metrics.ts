import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { Parts } from './parts.ts';
import { problems } from './schemas.ts';

/** Counts every request under its route's pattern, and serves what Prometheus scrapes. */
export const metricsPage =
  ({ exposition }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/metrics',
      {
        config: { access: ['run:read'], roles: ['operator', 'admin'] },
        schema: { tags: ['health'], summary: 'Metrics in the Prometheus text format', response: { ...problems(403) } },
      },
      async (_request, reply) => {
        const { type, text } = await exposition();
        return reply.type(type).send(text);
      },
    );
  };
