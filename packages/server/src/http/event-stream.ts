import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

/** The headers that Fastify's plugins have set so far (CORS, CSP, request id), for an answer that is written by hand. */
export function headersOf(reply: FastifyReply): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(reply.getHeaders()).filter(([, value]) => value !== undefined));
}

/** Takes the answer out of Fastify's hands and begins it as server-sent events. */
export function openEventStream(reply: FastifyReply): ServerResponse {
  reply.hijack();
  return reply.raw.writeHead(200, {
    ...headersOf(reply),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    // nginx would hold events back until its buffer is full
    'x-accel-buffering': 'no',
  });
}
