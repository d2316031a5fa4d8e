import { isErrorCode, MillraceError, type Problem } from '@millrace/protocol';

export interface HttpOptions {
  /** the server's address, e.g. `http://localhost:4600` */
  url: string;
  /** with the scope `task:claim`, and `run:append` and `run:read` for files */
  token: string;
}

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  /** sent as JSON */
  json?: unknown;
  /** sent as they are */
  bytes?: Uint8Array;
  type?: string;
  signal?: AbortSignal;
}

/** Answers the response of a request that was accepted. Rejects with the server's error, or as `fetch` does. */
export async function request(
  { url, token }: HttpOptions,
  { method, path, json, bytes, type, signal }: HttpRequest,
): Promise<Response> {
  const contentType = json === undefined ? type : 'application/json';
  const response = await fetch(new URL(path, url), {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    ...(bytes === undefined ? {} : { body: bytes as BodyInit }),
    ...(signal ? { signal } : {}),
  });
  if (response.ok) return response;
  throw await errorOf(response);
}

async function errorOf(response: Response): Promise<Error> {
  const text = await response.text();
  const problem = parse(text);
  if (!problem || !isErrorCode(problem.code)) return new Error(`HTTP ${response.status}: ${text.slice(0, 500)}`);
  const { code, detail, type: _type, title: _title, status: _status, fix: _fix, retry: _retry, ...facts } = problem;
  return new MillraceError(code, { ...(detail === undefined ? {} : { detail }), facts });
}

function parse(text: string): Problem | undefined {
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return undefined;
  }
}
