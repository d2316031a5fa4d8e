import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import { MillraceError } from '@millrace/protocol/error';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendProblem } from './problem.ts';

/** Paths that belong to services: an unknown one is an error, never the console's page. */
const services = /^\/(api|answer|assets|v1|live|ws|socket\.io|ag-ui|metrics)(\/|\?|$)/;

/**
 * Serves the built console. Its assets are named by their content and kept for a year; index.html is asked for again
 * each time, and stands for every address of the console's own router.
 */
export async function serveConsole(app: FastifyInstance, folder: string | undefined): Promise<void> {
  const built = folder !== undefined && existsSync(join(folder, 'index.html'));
  if (built) {
    await app.register(fastifyStatic, { root: folder, serve: false, cacheControl: false, etag: true });
    app.get('/assets/*', { config: { access: 'public' }, schema: { hide: true } }, async (request, reply) => {
      reply.header('cache-control', 'public, max-age=31536000, immutable');
      return reply.sendFile((request.params as { '*': string })['*'], join(folder, 'assets'));
    });
  }

  app.setNotFoundHandler(async (request, reply) => {
    if (!wantsPage(request)) return sendProblem(unknown(request), request, reply);
    // A rebuild may have taken the page away since the start.
    if (!built || !existsSync(join(folder, 'index.html'))) return sendProblem(notBuilt(), request, reply);
    return page(request, reply, folder);
  });
}

function wantsPage(request: FastifyRequest): boolean {
  return (request.method === 'GET' || request.method === 'HEAD') && !services.test(request.url);
}

/** A file beside index.html (an icon, a manifest) where there is one, else the page itself. */
function page(request: FastifyRequest, reply: FastifyReply, folder: string): FastifyReply {
  const name = /^\/([\w-]+\.(?!html)[a-z0-9]+)(\?|$)/.exec(request.url)?.[1];
  reply.header('cache-control', 'no-cache');
  return reply.sendFile(name !== undefined && existsSync(join(folder, name)) ? name : 'index.html');
}

function unknown(request: FastifyRequest): MillraceError {
  return new MillraceError('not_found', {
    detail: `There is no ${request.method} ${request.url.replace(/\?.*/, '')}.`,
  });
}

function notBuilt(): MillraceError {
  return new MillraceError('not_found', { detail: 'The console is not built. `npm run console` builds it.' });
}
