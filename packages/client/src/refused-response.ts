import { MillraceError, type Problem } from '@millrace/protocol/error-code';
import { errorOf, unreachable } from './problem.ts';

/** The error of an HTTP answer that is not 2xx, whatever stands between us and the server may have said. */
export async function errorOfResponse(response: Response): Promise<MillraceError> {
  const text = await response.text();
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'code' in body) return errorOf(body as Problem);
  } catch {
    // A proxy's page: the status says what there is to say.
  }
  const detail = `The server answered HTTP ${response.status}.`;
  if (response.status === 401) return new MillraceError('unauthorized', { detail });
  if (response.status >= 502 && response.status <= 504) return unreachable(detail);
  return new MillraceError('internal', { detail, row: { http: response.status, retry: response.status >= 500 } });
}

/** ms that an HTTP answer asks to wait; 0 where it does not say. */
export function retryAfterOf(response: Response, now: number): number {
  const header = response.headers.get('retry-after');
  if (!header) return 0;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return ms > 0 ? ms : 0;
}
