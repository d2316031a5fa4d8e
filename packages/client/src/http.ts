import { MillraceError } from '@millrace/protocol/error-code';
import type { Platform } from './transport.ts';

export interface HttpRequest {
  method?: 'GET' | 'POST' | 'PUT';
  /** from the server's address, with a slash: `/api/runs` */
  path: string;
  query?: Record<string, string | number | undefined>;
  headers?: Record<string, string>;
  /** sent as JSON */
  body?: unknown;
  signal?: AbortSignal;
}

/** Sends one request. Rejects with `unreachable` where no answer came; what the answer says is the caller's business. */
export async function send(
  platform: Platform,
  url: string,
  token: string | undefined,
  request: HttpRequest,
): Promise<Response> {
  const { method = 'GET', path, query = {}, headers = {}, body, signal } = request;
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  try {
    return await platform.fetch(`${url}${path}${search.size > 0 ? `?${search}` : ''}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    throw new MillraceError('unreachable', { detail: `${method} ${path} got no answer.`, cause: error });
  }
}
