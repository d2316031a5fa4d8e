import { type ErrorCode, MillraceError, type Problem, type Refusal, toProblem } from '@millrace/protocol/error';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';

/** What Fastify refuses before a route is asked, in our words. */
const fastifyCodes: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'invalid_json',
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_RATE_LIMIT: 'rate_limited',
  FST_ERR_NOT_FOUND: 'not_found',
};

/** Any error as problem+json; what the server did not foresee becomes `internal` and tells nothing of itself. */
export function problemOf(error: unknown): Problem {
  return toProblem(refusalOf(error));
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof MillraceError) {
    const { code, detail, facts } = error;
    return { code, ...(detail === undefined ? {} : { detail }), ...(facts === undefined ? {} : { facts }) };
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const part = (error as FastifyError).validationContext ?? 'body';
    const issues = error.validation.map(({ instancePath, message }) => ({
      field: instancePath === '/' ? part : `${part}${instancePath}`,
      message: message ?? 'is not valid',
    }));
    return { code: 'invalid_request', detail: `${issues[0]?.field}: ${issues[0]?.message}`, facts: { issues } };
  }
  const { code = '', statusCode, message } = error as Partial<FastifyError>;
  const known = fastifyCodes[code] ?? (error instanceof SyntaxError && statusCode === 400 ? 'invalid_json' : undefined);
  if (known !== undefined) return { code: known, detail: message ?? '' };
  if (statusCode === 404) return { code: 'not_found' };
  if (statusCode === 429) return { code: 'rate_limited' };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return { code: 'invalid_request', detail: message ?? '' };
  }
  return { code: 'internal' };
}

/** Sends the error as `application/problem+json` with the request's id, and logs what is the server's own fault. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error);
  if (problem.status >= 500) request.log.error({ err: error, code: problem.code, reqId: request.id }, 'request failed');
  if (problem.code === 'unauthorized' || problem.code === 'token_expired') reply.header('www-authenticate', 'Bearer');
  if (problem.code === 'payload_too_large') readOut(request, reply);
  if (problem.retry && reply.getHeader('retry-after') === undefined) reply.header('retry-after', '1');
  return reply
    .code(problem.status)
    .header('x-request-id', request.id)
    .type('application/problem+json')
    .send(JSON.stringify({ ...problem, requestId: request.id }));
}

/** bytes of a refused body that are read for nothing */
const READ_OUT = 64 * 1024 * 1024;

/** A client that is cut off while it still sends may never read why: a body of a moderate length is let come. */
function readOut({ headers, raw }: FastifyRequest, reply: FastifyReply): void {
  if (!(Number(headers['content-length']) <= READ_OUT)) return;
  reply.removeHeader('connection');
  raw.resume();
}
