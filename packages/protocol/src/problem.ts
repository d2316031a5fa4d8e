import { MillraceError, type Problem, type Refusal, rowOf } from './error-code.ts';

/** A refusal as it is told over HTTP and on sockets. */
export function toProblem(refusal: Refusal): Problem {
  const { code, detail, facts } = refusal;
  const { title, http, fix, retry } = refusal instanceof MillraceError ? refusal.row : rowOf(code);
  const type = `https://millrace.dev/errors#${code}`;
  return { ...facts, type, title, status: http, code, ...(detail !== undefined && { detail }), fix, retry };
}
