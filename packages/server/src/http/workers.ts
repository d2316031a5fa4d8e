import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { openEventStream } from './event-stream.ts';
import { callerOf, principalOf } from './guard.ts';
import type { Parts } from './parts.ts';
import {
  asEvents,
  assignments,
  attemptAnswer,
  leaseRef,
  leaseStates,
  newEvent,
  problems,
  workerList,
  workerRegistration,
} from './schemas.ts';

const tags = ['workers'];
const config = { access: ['task:claim'] as const };
const params = z.object({ id: z.string() });
/** ms that a claim may wait */
const WAIT_LIMIT = 60_000;
const CLAIM_LIMIT = 1_000;
/** bytes of one append of an attempt: outputs arrive here before large values are moved into files */
const APPEND_BYTES = 8 * 1024 * 1024;
/** ms between two comments on a quiet signal stream, so that nothing between us takes it for dead */
const BEAT_MS = 15_000;

/** The HTTP side of the protocol's WorkerLink. */
export const workers =
  ({ engine, clock }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/api/workers',
      {
        config: { access: ['run:read'], roles: ['operator', 'admin', 'worker'] },
        schema: {
          tags,
          summary: 'The workers that have been heard of lately',
          response: { 200: workerList, ...problems(403) },
        },
      },
      async (request) => ({ workers: engine.workers(principalOf(request).tenant) }),
    );

    app.post(
      '/api/workers',
      {
        config,
        schema: {
          tags,
          summary: 'Say which tasks and workflows this worker brings; again replaces it',
          body: workerRegistration,
          response: { 200: z.object({ leaseMs: z.number(), renewMs: z.number() }), ...problems(400, 403, 422) },
        },
      },
      async (request) => engine.register(callerOf(request), request.body, { boot: '' }),
    );

    app.post(
      '/api/workers/:id/claim',
      {
        config,
        schema: {
          tags,
          summary: 'Take up to `limit` attempts, waiting up to `wait` ms for the first',
          params,
          body: z.strictObject({
            limit: z.number().int().min(1).max(CLAIM_LIMIT),
            wait: z.number().int().min(0).max(WAIT_LIMIT).default(0),
          }),
          response: { 200: assignments, ...problems(400, 403, 404) },
        },
      },
      async (request, reply) => {
        const claim = { worker: request.params.id, ...request.body };
        return { assignments: await engine.claim(callerOf(request), claim, gone(reply)) };
      },
    );

    app.post(
      '/api/workers/:id/renew',
      {
        config,
        schema: {
          tags,
          summary: 'Extend leases and hear what has become of them',
          params,
          body: z.strictObject({ leases: z.array(leaseRef).max(10_000) }),
          response: { 200: leaseStates, ...problems(400, 403) },
        },
      },
      async (request) => ({
        leases: await engine.renew(callerOf(request), request.params.id, request.body.leases),
      }),
    );

    app.get(
      '/api/workers/:id/signals',
      {
        config,
        schema: {
          tags,
          summary: 'Signals to stop attempts, as server-sent events; a hint, the answer to renew is the truth',
          params,
          response: { ...problems(403) },
        },
      },
      async (request, reply) => {
        const stream = openEventStream(reply);
        const beat = () => {
          stream.write(':\n\n');
          rest = clock.after(BEAT_MS, beat);
        };
        let rest = () => {};
        beat();
        const release = engine.onSignal(callerOf(request), request.params.id, (signal) =>
          stream.write(`data: ${JSON.stringify(signal)}\n\n`),
        );
        stream.on('close', () => {
          release();
          rest();
        });
      },
    );

    app.post(
      '/api/runs/:run/attempts/:attempt/events',
      {
        config,
        bodyLimit: APPEND_BYTES,
        schema: {
          tags,
          summary: 'Append events of an attempt, in order; the same sequence again writes nothing twice',
          params: z.object({ run: z.string(), attempt: z.coerce.number().int().min(1) }),
          body: z.strictObject({
            node: leaseRef.shape.node,
            sequence: z.number().int().min(1),
            events: z.array(newEvent).min(1).max(10_000),
          }),
          response: { 200: attemptAnswer, ...problems(400, 403, 404, 409, 413, 422) },
        },
      },
      async (request) => {
        const { run, attempt } = request.params;
        const { node, sequence, events } = request.body;
        return engine.appendAttempt(callerOf(request), { run, node, attempt }, sequence, asEvents(events));
      },
    );
  };

/** Aborts when the asker hangs up before it is answered. */
function gone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.on('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
