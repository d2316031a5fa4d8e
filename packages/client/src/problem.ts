import { MillraceError, type Problem } from '@millrace/protocol/error-code';
import { pick } from '@millrace/protocol/pick';

/** The error that a server's problem+json tells of. A code that this version does not know is passed on. */
export function errorOf(problem: Partial<Problem>): MillraceError {
  const { type: _1, instance: _2, title: _3, fix: _4, retry: _5, status, code, detail, ...facts } = problem;
  return new MillraceError(typeof code === 'string' ? code : 'internal', {
    row: { ...pick(problem, 'title', 'fix', 'retry'), ...(status && { http: status }) },
    detail,
    ...(Object.keys(facts).length > 0 && { facts }),
  });
}

/** Whether the server says that it does not accept the token, and may accept another. */
export function isRefusal(error: MillraceError | undefined): boolean {
  return error?.code === 'unauthorized' || error?.code === 'token_expired';
}

export function unreachable(detail: string): MillraceError {
  return new MillraceError('unreachable', {
    detail,
    row: { http: 503, retry: true, fix: "Check the network and the server's address, and send it again." },
  });
}
