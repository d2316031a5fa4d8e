import { setTimeout as wait } from 'node:timers/promises';

export interface Millrace {
  /** the server's address, e.g. `http://localhost:4600` */
  url: string;
  /** a token of the roles operator and worker: `npx millrace token --role operator,worker` */
  token: string;
}

export interface NewEvent {
  type: string;
  node?: string;
  attempt?: number;
  data?: Record<string, unknown>;
}

/** What Millrace refused for good, such as an event of a run that has ended. */
export class Refused extends Error {
  readonly code: string;

  constructor(code: string, detail: string) {
    super(`${detail} (${code})`);
    this.code = code;
  }
}

const PATIENCE_MS = 10_000;
const PAUSE_MS = 200;

/** The external run of one workflow execution. Whoever opens it first makes it; its name is its idempotency key. */
export class ExternalRun {
  readonly id: string;
  readonly #millrace: Millrace;

  private constructor(millrace: Millrace, id: string) {
    this.#millrace = millrace;
    this.id = id;
  }

  static async open(millrace: Millrace, workflow: string, name: string): Promise<ExternalRun> {
    const body = { workflow, external: true, input: { temporal: name } };
    const { id } = await post<{ id: string }>(millrace, '/api/runs', body, { 'idempotency-key': name });
    return new ExternalRun(millrace, id);
  }

  /** A producer's appends are written in the order of the calls, each once; it may not be used by two processes. */
  producer(id: string): Producer {
    let sequence = 0;
    let tail: Promise<unknown> = Promise.resolve();
    return {
      append: (...events) => {
        const before = tail;
        const appended = before.then(async () => {
          const numbers = { 'producer-id': id, 'producer-term': '1', 'producer-sequence': String(sequence + 1) };
          await post(this.#millrace, `/api/runs/${this.id}/events`, events, numbers);
          sequence += 1;
        });
        tail = appended.catch(() => undefined);
        return appended;
      },
    };
  }
}

export interface Producer {
  append(...events: NewEvent[]): Promise<void>;
}

/** Sends what is safe to send again until it is answered. */
async function post<T>(millrace: Millrace, path: string, body: unknown, headers: Record<string, string>): Promise<T> {
  const deadline = AbortSignal.timeout(PATIENCE_MS);
  for (;;) {
    try {
      const answer = await fetch(new URL(path, millrace.url), {
        method: 'POST',
        headers: { authorization: `Bearer ${millrace.token}`, 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
        signal: deadline,
      });
      if (answer.ok) return (await answer.json()) as T;
      const { code, detail, title, retry } = (await answer.json()) as Record<string, string | boolean>;
      if (retry !== true) throw new Refused(String(code), String(detail ?? title));
    } catch (error) {
      if (error instanceof Refused || deadline.aborted) throw error;
    }
    await wait(PAUSE_MS, undefined, { signal: deadline });
  }
}
