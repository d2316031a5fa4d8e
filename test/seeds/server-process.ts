import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, Process } from '../process.ts';
import { secret, sign } from './token.ts';

export interface NewEvent {
  type: string;
  node?: string;
  step?: string;
  data?: object;
}

/** A real server that these tests start, kill and start again on the same port and data folder. */
export class ServerProcess {
  readonly port: number;
  readonly url: string;
  readonly data = mkdtempSync(join(tmpdir(), 'millrace-seeds-'));
  readonly #env: Record<string, string>;
  #process: Process | undefined;

  private constructor(port: number, env: Record<string, string>) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#env = { PORT: String(port), MILLRACE_DATA: this.data, MILLRACE_JWT_SECRET: secret, ...env };
  }

  static async start(env: Record<string, string> = {}): Promise<ServerProcess> {
    const server = new ServerProcess(await freePort(), env);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    this.#process = new Process('packages/server/src/main.ts', ['start'], this.#env);
    await this.#process.printed(/pid/);
  }

  /** Ends it as it stands. */
  async kill(): Promise<void> {
    await this.#process?.kill('SIGKILL');
  }

  /** Asks it to end. */
  async stop(): Promise<void> {
    await this.#process?.kill('SIGTERM');
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** Whether the process that was started last lives. */
  get alive(): boolean {
    return this.#process?.child.exitCode === null && this.#process.child.signalCode === null;
  }

  get output(): string {
    return this.#process?.output ?? '';
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.data, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Everything that a program may do which starts runs and executes them itself; it asks again where nobody answers. */
export class Producer {
  readonly #url: () => string;
  readonly #token: string;
  readonly #sequences = new Map<string, number>();

  constructor(url: string | (() => string), token = sign({ sub: 'ada', roles: ['operator', 'worker'] })) {
    this.#url = typeof url === 'string' ? () => url : url;
    this.#token = token;
  }

  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(this.#url() + path, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** Opens a run that this program executes itself, and answers its id. */
  async open(
    run: { workflow?: string; input?: unknown; tags?: string[]; [field: string]: unknown } = {},
  ): Promise<string> {
    const answer = await this.call('POST', '/api/runs', { workflow: 'seed', external: true, ...run });
    if (answer.status !== 201) throw new Error(await answer.text());
    return ((await answer.json()) as { id: string }).id;
  }

  /** Appends once, however often it has to be tried; answers the last event's seq. */
  async append(run: string, ...events: NewEvent[]): Promise<number> {
    const sequence = (this.#sequences.get(run) ?? 0) + 1;
    this.#sequences.set(run, sequence);
    const headers = { 'producer-id': 'seeds', 'producer-term': '1', 'producer-sequence': String(sequence) };
    for (;;) {
      const answer = await this.call('POST', `/api/runs/${run}/events`, events, headers).catch(() => undefined);
      if (answer?.ok) return ((await answer.json()) as { seq: number }).seq;
      if (answer && answer.status < 500 && answer.status !== 429) throw new Error(await answer.text());
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async run(id: string): Promise<{ status: string; seq: number; output?: unknown; [field: string]: unknown }> {
    return (await (await this.call('GET', `/api/runs/${id}`)).json()) as never;
  }

  async events(id: string): Promise<{ seq: number; type: string; attempt?: number; data: Record<string, unknown> }[]> {
    const answer = await this.call('GET', `/api/runs/${id}/events?after=0&limit=1000`);
    return ((await answer.json()) as { events: never[] }).events;
  }
}
