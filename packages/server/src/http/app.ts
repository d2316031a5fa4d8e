import { randomUUID } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import cors from '@fastify/cors';
import rateLimit from '@fastify/rate-limit';
import { MillraceError } from '@millrace/protocol/error';
import Fastify, { type FastifyInstance, LogController } from 'fastify';
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { answers } from './answers.ts';
import { commands } from './commands.ts';
import { serveConsole } from './console.ts';
import { descendants } from './descendants.ts';
import { documentRoutes } from './documents.ts';
import { events } from './events.ts';
import { files } from './files.ts';
import { guard } from './guard.ts';
import { health } from './health.ts';
import { inbox } from './inbox.ts';
import { jobs } from './jobs.ts';
import { knowledgeBaseRoutes } from './knowledge-bases.ts';
import { links } from './links.ts';
import { metricsPage } from './metrics.ts';
import { openapi } from './openapi.ts';
import type { Parts } from './parts.ts';
import { problemOf, sendProblem } from './problem.ts';
import { runs } from './runs.ts';
import { schedules } from './schedules.ts';
import { securityHeaders } from './security-headers.ts';
import { waits } from './waits.ts';
import { workers } from './workers.ts';
import { workflows } from './workflows.ts';

const resources = [
  ...[runs, jobs, commands, descendants, events, waits, inbox, links, answers, schedules],
  ...[knowledgeBaseRoutes, documentRoutes, workers, workflows, files, health, metricsPage],
];

/** Every HTTP route, ready to listen. What is refused is refused in this order: host and origin, rate, token, body. */
export async function createApp(parts: Parts): Promise<FastifyInstance> {
  const { gate, auth, metrics, log } = parts;
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: parts.bodyLimit,
    trustProxy: parts.proxies.length > 0 && [...parts.proxies],
    genReqId: () => randomUUID(),
    // Few requests log anything: those name their id themselves, and none makes a logger of its own.
    childLoggerFactory: (logger) => logger,
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: PARAM_LIMIT },
    frameworkErrors: (error, request, reply) => sendProblem(error, request, reply),
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  // Answers are of our own types; the schemas document them, and the tests hold both together.
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler((error, request, reply) => {
    parts.storeCheck.failed(error);
    return sendProblem(error, request, reply);
  });

  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(securityHeaders).header('x-request-id', request.id);
    try {
      gate.check(request.headers);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.observe('http_request_seconds', reply.elapsedTime / 1000, {
      method: request.method,
      route,
      status: String(reply.statusCode),
    });
    done();
  });
  await app.register(cors, {
    delegator: (request, done) => {
      const { origin, host } = request.headers;
      done(null, { ...corsOptions, origin: origin !== undefined && gate.allows(origin, host) });
    },
  });
  await app.register(rateLimit, {
    max: parts.rateLimit,
    timeWindow: RATE_WINDOW_MS,
    errorResponseBuilder: (_request, { after, max }) =>
      new MillraceError('rate_limited', {
        detail: `More than ${max} requests; try again in ${after}.`,
        facts: { after },
      }),
  });
  guard(app, auth, parts);

  await openapi(app, parts.version);
  for (const routes of resources) await app.register(routes(parts));
  await serveConsole(app, parts.console);
  await app.ready();
  return app;
}

/** Hands an upgrade to the handler of its path, which judges origin and token itself, so that it can tell the socket. */
export function upgrade({
  sockets,
}: Pick<Parts, 'sockets'>): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  return (request, socket, head) => {
    const path = (request.url ?? '').replace(/\?.*/, '');
    const handler = sockets.find((one) => (one.path.endsWith('/') ? path.startsWith(one.path) : path === one.path));
    if (handler) return handler.upgrade(request, socket, head);
    const problem = problemOf(
      new MillraceError('not_found', { detail: `There is no socket at ${path.slice(0, 100)}.` }),
    );
    const body = JSON.stringify(problem);
    const head404 = `HTTP/1.1 404 ${STATUS_CODES[404]}\r\nContent-Type: application/problem+json\r\n`;
    socket.on('error', () => {});
    socket.end(`${head404}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  };
}

/** characters of one part of a path: a wait's id or a link's token */
const PARAM_LIMIT = 2_000;
const RATE_WINDOW_MS = 10_000;

const corsOptions = {
  methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  exposedHeaders: ['location', 'retry-after', 'x-request-id', 'etag'],
  maxAge: 600,
};
