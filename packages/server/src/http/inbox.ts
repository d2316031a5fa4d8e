import { MillraceError } from '@millrace/protocol/error';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ownOnly } from '../auth/auth.ts';
import type { WaitQuery, WaitRow } from '../store/store.ts';
import { principalOf } from './guard.ts';
import type { Parts } from './parts.ts';
import { problems } from './schemas.ts';
import { inboxPage } from './wait-schemas.ts';

const PAGE = 50;
const PAGE_LIMIT = 500;

export const inbox =
  ({ store }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/api/inbox',
      {
        config: { access: ['run:read'] },
        schema: {
          tags: ['waits'],
          summary: 'What runs wait for people to answer, oldest first: of your runs, or of all where you operate them',
          querystring: z.object({
            kind: z.enum(['approval', 'input']).optional(),
            workflow: z.string().optional(),
            owner: z.string().optional(),
            after: z.string().max(2_000).optional().describe("the last page's `next`"),
            limit: z.coerce.number().int().min(1).max(PAGE_LIMIT).default(PAGE),
          }),
          response: { 200: inboxPage, ...problems(400, 403) },
        },
      },
      async (request) => {
        const principal = principalOf(request);
        const { after, owner, limit, ...filter } = request.query;
        const before = after === undefined ? undefined : placeOf(after);
        const own = ownOnly(principal);
        if (own && owner !== undefined && owner !== principal.id) return { waits: [] };
        const rows = await store.waits({
          ...filter,
          ...{ tenant: principal.tenant, limit },
          ...(own ? { owner: principal.id } : owner === undefined ? {} : { owner }),
          ...(before ? { before } : {}),
        });
        const last = rows.length === limit ? rows.at(-1) : undefined;
        return { waits: rows.map(({ tenant: _tenant, ...wait }) => wait), ...(last ? { next: textOf(last) } : {}) };
      },
    );
  };

type Place = NonNullable<WaitQuery['before']>;
const place = z.tuple([z.number(), z.string(), z.string()]);

function textOf({ requestedAt, run, id }: WaitRow): string {
  return Buffer.from(JSON.stringify([requestedAt, run, id])).toString('base64url');
}

function placeOf(text: string): Place {
  try {
    const [requestedAt, run, id] = place.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
    return { requestedAt, run, id };
  } catch {
    throw new MillraceError('invalid_cursor', { detail: "Expected the `next` of an inbox's page." });
  }
}
