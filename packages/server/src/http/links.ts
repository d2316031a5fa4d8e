import { MillraceError } from '@millrace/protocol/error';
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { byOf, hasScope, ownOnly, type Principal } from '../auth/auth.ts';
import type { GrantRequest } from '../auth/scoped.ts';
import { allow, principalOf, visibleRun } from './guard.ts';
import type { Parts } from './parts.ts';
import { problems } from './schemas.ts';
import { linkMade, runLinkBody, tagLinkBody } from './wait-schemas.ts';

const tags = ['links'];
const description =
  'The url is of the host that this request was sent to. A token of `access: act` gives commands and answers, one of ' +
  '`wait` answers that wait on its own page and does nothing else. `oneTime`: the first command spends it.';

type Asked = Omit<GrantRequest, 'oneTime' | 'hide'> & Partial<Pick<GrantRequest, 'oneTime' | 'hide'>>;

/** Scoped tokens: who holds one needs no other. Nobody gives away more than they have. */
export const links =
  ({ auth, clock, engine, hub, store }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/api/runs/:id/links',
      {
        config: { access: ['run:read', 'run:act'], redacts: true },
        schema: {
          ...{ tags, description, body: runLinkBody },
          summary: 'Make a token, and a link, for this run alone or for the answer to one of its waits',
          params: z.object({ id: z.string() }),
          response: { 201: linkMade, ...problems(400, 403, 404, 409, 410) },
        },
      },
      async (request, reply) => {
        const { id: run } = request.params;
        const { body } = request;
        await visibleRun(store, principalOf(request), run);
        if (body.wait !== undefined) await answerable(principalOf(request).tenant, run, body.wait);
        return reply
          .code(201)
          .send(await made(request, { run, ...body, oneTime: body.oneTime ?? body.wait !== undefined }));
      },
    );

    app.post(
      '/api/links',
      {
        config: { access: ['run:read', 'run:act'], roles: ['operator', 'admin'], redacts: true },
        schema: {
          ...{ tags, description, body: tagLinkBody },
          summary: 'Make a token, and a link, for the runs of one tag, whoever owns them',
          response: { 201: linkMade, ...problems(400, 403) },
        },
      },
      async (request, reply) => reply.code(201).send(await made(request, request.body)),
    );

    app.delete(
      '/api/links/:id',
      {
        config: { access: ['run:read', 'run:act'], redacts: true },
        schema: {
          tags,
          summary: 'Revoke a token, by the id that its making answered',
          params: z.object({ id: z.string() }),
          response: { 204: z.undefined(), ...problems(403, 404) },
        },
      },
      async (request, reply) => {
        const { tenant } = principalOf(request);
        const grant = await store.grant(tenant, request.params.id);
        if (!grant || !(await mayRevoke(principalOf(request), grant))) {
          throw new MillraceError('not_found', { detail: 'There is no link of this id that you may revoke.' });
        }
        await store.revokeGrant(tenant, grant.id, clock.now());
        hub.revoked(tenant, grant.id);
        return reply.code(204).send();
      },
    );

    async function made(request: FastifyRequest, asked: Asked): Promise<z.infer<typeof linkMade>> {
      const principal = principalOf(request);
      const { access, wait, run, oneTime = false, hide = [] } = asked;
      allow(principal, [access === 'act' ? 'run:act' : 'run:read']);
      if (access === 'read' && (oneTime || wait !== undefined)) {
        throw new MillraceError('invalid_request', {
          detail: `body/access: a link ${wait === undefined ? 'that is spent once' : 'for a wait'} needs access "act".`,
        });
      }
      const { id, token, expires } = await auth.grant(principal, { ...asked, oneTime, hide });
      const base = `${request.protocol}://${request.host}`;
      const page = run === undefined ? '/' : `/runs/${encodeURIComponent(run)}`;
      return { id, token, expires, url: base + (wait === undefined ? `${page}?token=${token}` : `/answer/${token}`) };
    }

    async function answerable(tenant: string, run: string, id: string): Promise<void> {
      const wait = (await engine.control({ tenant, run }))?.control.waits[id];
      if (wait?.kind !== 'approval' && wait?.kind !== 'input') {
        throw new MillraceError('wait_not_found', {
          detail: `The run has no approval or input "${id.slice(0, 200)}".`,
        });
      }
      if (wait.status !== 'open') throw new MillraceError('already_answered', { detail: `"${id}" is open no more.` });
    }

    /** Whoever made it, whoever owns its run, and who operates the tenant. */
    async function mayRevoke(principal: Principal, { by, run }: { by: string; run?: string }): Promise<boolean> {
      if (by === byOf(principal)) return true;
      if (!hasScope(principal, 'run:act')) return false;
      if (!ownOnly(principal)) return true;
      const row = run === undefined ? undefined : await store.runRow({ tenant: principal.tenant, run });
      return row?.summary.owner === principal.id;
    }
  };
