import {
  formatCursor,
  MillraceError,
  PRODUCER_HEADERS,
  type Producer,
  parseCursor,
  type RunEvent,
  redact,
} from '@millrace/protocol';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { maySee, type Principal } from '../auth/auth.ts';
import type { LogPage, RunRow } from '../store/store.ts';
import { sse } from '../transport/sse.ts';
import { headersOf } from './event-stream.ts';
import { callerOf, principalOf, visibleRun } from './guard.ts';
import type { Parts } from './parts.ts';
import { appendAnswer, asEvents, eventPage, newEvent, problems } from './schemas.ts';

const tags = ['events'];
const params = z.object({ id: z.string() });
const PAGE = 500;
const PAGE_LIMIT = 10_000;
/** bytes of one page's events */
const PAGE_BYTES = 1024 * 1024;
/** events of one append */
const APPEND_LIMIT = 1_000;

const producerHeaders = z.object({
  [PRODUCER_HEADERS.id]: z.string().min(1).max(200).optional(),
  [PRODUCER_HEADERS.term]: z.coerce.number().int().min(0).optional(),
  [PRODUCER_HEADERS.sequence]: z.coerce.number().int().min(1).optional(),
});

export const events =
  ({ engine, hub, store, clock }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/api/runs/:id/events',
      {
        config: { access: ['run:read'], limited: true, redacts: true },
        schema: {
          tags,
          summary: 'The events after a cursor: a JSON page, or a live stream with Accept: text/event-stream',
          description: 'A stream answers 204 when the run has ended and the cursor stands at its last event.',
          params,
          headers: z.object({ 'last-event-id': z.string().optional(), accept: z.string().optional() }),
          querystring: z.object({
            after: z.string().optional().describe('a cursor (EPOCH:SEQ) or a bare seq; absent = from the first event'),
            limit: z.coerce.number().int().min(1).max(PAGE_LIMIT).default(PAGE),
            snapshot: z.stringbool().optional().describe('of a stream without a cursor: begin with the view at head'),
            token: z.string().optional().describe('for an EventSource, which cannot send headers'),
          }),
          response: { 200: eventPage, ...problems(400, 404, 410) },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request);
        const { id } = request.params;
        const { after, snapshot, limit } = request.query;
        const row = await visibleRun(store, principal, id);
        if (request.headers.accept?.includes('text/event-stream')) {
          const headers = headersOf(reply);
          await sse(request.raw, reply.raw, { hub, clock, principal, run: id, after, snapshot, headers });
          return reply.hijack();
        }
        const cursor = parseCursor(after ?? '0', store.epoch);
        const page = await store.readLog(row, cursor.seq, { events: limit, bytes: PAGE_BYTES });
        if (!page) throw new MillraceError('run_not_found');
        if (cursor.epoch !== store.epoch || cursor.seq > page.head) throw gap(after ?? '', page.head);
        return reply.type('application/json').send(pageText(row, page, store.epoch, principal));
      },
    );

    app.post(
      '/api/runs/:id/events',
      {
        config: { access: ['run:append'], limited: true, redacts: true },
        schema: {
          tags,
          summary: 'Append to an external run: one event, or an array that is written whole or not at all',
          description:
            'With the three producer headers a repeat is answered with the first answer and a hole is refused.',
          params,
          headers: producerHeaders,
          body: z.union([newEvent, z.array(newEvent).min(1).max(APPEND_LIMIT)]),
          response: { 200: appendAnswer, ...problems(400, 404, 409, 410, 413, 422) },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        const { id } = request.params;
        // Whose a run is never changes: of one in memory the store is not asked.
        const known = engine.known({ tenant: principal.tenant, run: id });
        if (!known || !maySee(principal, known)) await visibleRun(store, principal, id);
        const producer = producerOf(request.headers);
        const list = Array.isArray(request.body) ? request.body : [request.body];
        const append = { events: asEvents(list), ...(producer === undefined ? {} : { producer }) };
        try {
          return await engine.append(callerOf(request), id, append);
        } catch (error) {
          // It may have been deleted since.
          if (error instanceof MillraceError && error.code === 'run_not_found') await visibleRun(store, principal, id);
          throw error;
        }
      },
    );
  };

function producerOf(headers: z.infer<typeof producerHeaders>): Producer | undefined {
  const { id: ID, term: TERM, sequence: SEQUENCE } = PRODUCER_HEADERS;
  const { [ID]: id, [TERM]: term, [SEQUENCE]: sequence } = headers;
  if (id === undefined && term === undefined && sequence === undefined) return undefined;
  if (id === undefined || sequence === undefined) {
    throw new MillraceError('invalid_request', {
      detail: `A producer needs the headers ${ID} and ${SEQUENCE}; ${id === undefined ? ID : SEQUENCE} is missing.`,
    });
  }
  return { id, term: term ?? 0, sequence };
}

/** The events go out as the text that is stored: they are not parsed unless something in them is to be hidden. */
function pageText(row: RunRow, page: LogPage, epoch: string, { hide }: Principal): string {
  const text = hide?.length ? hidden(page.text, hide) : page.text;
  const { seq, through, head, ended } = page;
  const rest = { next: formatCursor(epoch, through), head, done: ended && through >= head };
  return `{"run":${JSON.stringify(row.run)},"seq":${seq},"through":${through},"events":[${text}],${JSON.stringify(rest).slice(1)}`;
}

function hidden(text: string, hide: NonNullable<Principal['hide']>): string {
  const seen = (JSON.parse(`[${text}]`) as RunEvent[]).flatMap((event) => redact(event, { name: 'token', hide }) ?? []);
  return JSON.stringify(seen).slice(1, -1);
}

function gap(requested: string, head: number): MillraceError {
  return new MillraceError('invalid_cursor', {
    detail: 'The cursor points into a log that is not this one, or past its end. Read again from the first event.',
    facts: { requested, earliest: 1, latest: head },
  });
}
