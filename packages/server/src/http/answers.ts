import type { Json, RunCommand } from '@millrace/protocol';
import { type ErrorCode, MillraceError } from '@millrace/protocol/error';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { GrantRow } from '../store/store.ts';
import { fieldsOf, readForm } from './answer-form.ts';
import { type Attempted, answeredPage, pagePolicy, questionPage, refusalPage } from './answer-page.ts';
import { keyHeader, keyOf } from './give-command.ts';
import type { Parts } from './parts.ts';
import { problemOf } from './problem.ts';
import { type Question, questionOf } from './question.ts';
import { problems } from './schemas.ts';
import { answerBody, answerGiven, questionShown } from './wait-schemas.ts';

const tags = ['links'];
const params = z.object({ token: z.string() });
const FORM = 'application/x-www-form-urlencoded';
/** What mends a wrong answer is another answer; what mends anything else is elsewhere. */
const mendable: readonly ErrorCode[] = ['input_invalid', 'invalid_request'];

type Body = z.infer<typeof answerBody>;
type Link = GrantRow & { run: string; wait: string };

/**
 * A link that answers a wait. Opening it shows the question, as often as anybody or any mail scanner likes; posting
 * answers, and spends the link in the answer's own transaction. A small page without script for people, JSON for others.
 */
export const answers =
  ({ auth, engine }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.addContentTypeParser(FORM, { parseAs: 'string' }, (_request, text, done) => done(null, formOf(text as string)));
    app.addHook('onRequest', async (_request, reply) => {
      // The token stands in the address. Browsers send a form's Origin only where the page does not forbid it.
      reply.header('cache-control', 'no-store').header('referrer-policy', 'same-origin');
    });

    app.get(
      '/answer/:token',
      {
        config: { access: 'public' },
        schema: {
          ...{ tags, params, security: [] },
          summary: 'What a link asks: a page with a form, or JSON; asking changes nothing',
          response: { 200: questionShown, ...problems(401, 410) },
        },
      },
      async (request, reply) => {
        const shown = async () => {
          const question = await questionOf(engine, await open(request.params.token));
          if (!wantsPage(request)) return question;
          return sendPage(reply, 200, questionPage(question, fieldsOf(question.schema, question.default)));
        };
        return shown().catch((error: unknown) => refuse(request, reply, error));
      },
    );

    app.post(
      '/answer/:token',
      {
        config: { access: 'public' },
        schema: {
          ...{ tags, params, security: [], headers: keyHeader, body: answerBody, consumes: ['application/json', FORM] },
          summary: 'Answer what a link asks; a one-time link is spent by it',
          response: { 200: answerGiven, ...problems(400, 401, 409, 410, 422) },
        },
      },
      async (request, reply) => {
        const { body } = request;
        let question: Question | undefined;
        try {
          const key = keyOf(request);
          const link = await auth.open(request.params.token);
          // Whoever did not hear our answer may ask again with the same key; anything new is refused by the spent grant.
          if (!auth.alive(link) && !(link.oneTime && key !== undefined)) throw new MillraceError('link_spent');
          question = await questionOf(engine, link);
          const { seq } = await answer(request.params.token, link, commandOf(question, body), key);
          const { decision } = body;
          if (wantsPage(request)) return sendPage(reply, 200, answeredPage(decision));
          return { seq, run: link.run, wait: link.wait, ...(decision === undefined ? {} : { decision }) };
        } catch (error) {
          return refuse(request, reply, error, question, body);
        }
      },
    );

    async function open(token: string): Promise<Link> {
      const link = await auth.open(token);
      if (!auth.alive(link)) throw new MillraceError('link_spent');
      return link;
    }

    async function answer(
      token: string,
      link: Link,
      command: RunCommand,
      key: string | undefined,
    ): Promise<{ seq: number }> {
      const caller = { tenant: link.tenant, by: `link:${link.id}` };
      try {
        return await engine.command(caller, link.run, command, {
          ...(key === undefined ? {} : { key }),
          ...(link.oneTime ? { spend: link.id } : {}),
        });
      } catch (error) {
        // Another answer through the same link may have come first.
        await open(token);
        // Who answered, and what, is not told to whom it is hidden from.
        if (link.hide.length > 0 && error instanceof MillraceError) throw new MillraceError(error.code);
        throw error;
      }
    }

    function refuse(
      request: FastifyRequest,
      reply: FastifyReply,
      error: unknown,
      question?: Question,
      { comment, form }: Body = {},
    ): FastifyReply {
      if (!wantsPage(request)) throw error;
      const { code, status, detail } = problemOf(error);
      if (status >= 500) request.log.error({ err: error, code, reqId: request.id }, 'answer failed');
      if (question?.status !== 'open' || !mendable.includes(code))
        return sendPage(reply, status, refusalPage(code, detail));
      const attempted: Attempted = {
        refusal: detail ?? code,
        ...(comment === undefined ? {} : { comment }),
        ...(form ? { form } : {}),
      };
      return sendPage(reply, status, questionPage(question, fieldsOf(question.schema, question.default), attempted));
    }
  };

function commandOf(question: Question, body: Body): RunCommand {
  const { decision, comment, value, form } = body;
  if (question.kind === 'approval') {
    if (decision === undefined) throw invalid(`body/decision: expected one of ${question.options.join(', ')}`);
    return { type: 'approve', approvalId: question.id, decision, ...(comment === undefined ? {} : { comment }) };
  }
  const given: Json | undefined = form ? readForm(fieldsOf(question.schema, question.default), form) : value;
  if (given === undefined) throw invalid('body/value: expected the value that the input asks for');
  return { type: 'provide', inputId: question.id, value: given };
}

function invalid(detail: string): MillraceError {
  return new MillraceError('invalid_request', { detail });
}

/** An approval's form has a decision and a comment, an input's the controls that were made of its schema. */
function formOf(text: string): Body {
  const sent = new URLSearchParams(text);
  const decision = sent.get('decision');
  const comment = sent.get('comment');
  sent.delete('decision');
  sent.delete('comment');
  return {
    ...(decision === null ? {} : { decision }),
    ...(comment ? { comment } : {}),
    ...(sent.size > 0 ? { form: Object.fromEntries(sent) } : {}),
  };
}

/** A posted form comes from a page, whatever else its sender accepts. */
function wantsPage({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes('text/html') === true || headers['content-type']?.startsWith(FORM) === true;
}

function sendPage(reply: FastifyReply, status: number, page: string): FastifyReply {
  return reply
    .code(status)
    .header('content-security-policy', pagePolicy)
    .header('x-robots-tag', 'noindex')
    .type('text/html; charset=utf-8')
    .send(page);
}
