import { type ErrorCode, errors, isErrorCode, MillraceError } from '@millrace/protocol/error';

/** Asks a server over HTTP, as the commands do. Errors of the server arrive as the MillraceError that it threw. */
export class Api {
  readonly url: string;
  readonly #token: string | undefined;

  constructor(url: string, token: string | undefined) {
    this.url = url.replace(/\/+$/, '');
    this.#token = token;
  }

  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.send(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return (await answer.json()) as T;
  }

  /** Rejects with `Unreachable` where no server answers. */
  async send(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#token !== undefined) headers.set('authorization', `Bearer ${this.#token}`);
    let answer: Response;
    try {
      answer = await fetch(this.url + path, { ...init, headers });
    } catch (cause) {
      throw new Unreachable(this.url, cause);
    }
    if (answer.ok) return answer;
    throw await refusal(answer);
  }
}

/** Nobody answers at the address: the server is down, or it is another address. */
export class Unreachable extends Error {
  constructor(url: string, cause: unknown) {
    super(`No server answers at ${url}. Start one with \`millrace start\`, or set MILLRACE_URL.`, { cause });
    this.name = 'Unreachable';
  }
}

async function refusal(answer: Response): Promise<Error> {
  const text = await answer.text();
  try {
    const { code, detail, fix } = JSON.parse(text) as { code?: unknown; detail?: string; fix?: string };
    if (isErrorCode(code)) return new MillraceError(code, { detail: sentences(code, detail, fix) });
  } catch {
    // Not ours: a proxy's page, most likely.
  }
  return new Error(`${answer.url} answered ${answer.status} ${answer.statusText}: ${text.slice(0, 200)}`);
}

function sentences(code: ErrorCode, detail: string | undefined, fix: string | undefined): string {
  return [detail ?? errors[code].title, fix].filter(Boolean).join(' ');
}
