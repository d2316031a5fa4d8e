import { MillraceError, WIRE } from '@millrace/protocol';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Parts } from './parts.ts';
import { problems } from './schemas.ts';

const tags = ['health'];

export const health =
  ({ store, clock, boot, version, ready, storeCheck, hintsTrouble }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/api/health',
      {
        exposeHeadRoute: true,
        config: { access: 'public' },
        schema: {
          tags,
          summary: 'Whether the server lives, and which one it is',
          security: [],
          response: {
            200: z.object({
              status: z.enum(['ok', 'stopping']),
              version: z.string(),
              wire: z.number().describe('version of the wire frames'),
              epoch: z.string().describe("present epoch of the store's cursors"),
              server: z.string().describe('this start of the server'),
              now: z.number().describe('ms since the epoch'),
            }),
          },
        },
      },
      async () => ({
        status: ready() ? ('ok' as const) : ('stopping' as const),
        version,
        wire: WIRE,
        epoch: store.epoch,
        server: boot,
        now: clock.now(),
      }),
    );

    app.get(
      '/api/health/ready',
      {
        config: { access: 'public' },
        schema: {
          tags,
          summary: 'Whether a balancer should send requests here',
          security: [],
          response: {
            200: z.object({
              status: z.literal('ready'),
              warnings: z
                .array(z.string())
                .optional()
                .describe('what does not work as it is set, though the server does'),
            }),
            ...problems(503),
          },
        },
      },
      async () => {
        if (!ready()) throw new MillraceError('shutting_down');
        await storeCheck.ask();
        const warnings = [storeCheck.warning(), hintsTrouble()].filter((warning) => warning !== undefined);
        return { status: 'ready' as const, ...(warnings.length > 0 ? { warnings } : {}) };
      },
    );
  };
