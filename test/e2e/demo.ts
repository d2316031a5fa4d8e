import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunEvent } from '@millrace/protocol';
import { freePort, Process } from '../process.ts';

/** `npm start` as a test's own process, on a free port and an empty data folder; it can be killed and started again. */
export class Demo {
  readonly data = mkdtempSync(join(tmpdir(), 'millrace-demo-'));
  readonly #args: string[];
  #port = 0;
  #process: Process | undefined;
  url = '';
  token = '';

  constructor(args: string[] = []) {
    this.#args = args;
  }

  async start(): Promise<void> {
    this.#port ||= await freePort();
    this.#process = new Process('examples/start/src/main.ts', this.#args, {
      PORT: String(this.#port),
      MILLRACE_DATA: this.data,
      MILLRACE_LOG: 'silent',
    });
    this.url = (await this.#process.printed(/http:\/\/\S+\?token=\S+/))[0];
    this.token = new URL(this.url).searchParams.get('token') as string;
  }

  /** Ends the server's own process at once. */
  async kill(): Promise<void> {
    await this.#process?.kill('SIGKILL');
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.data, { recursive: true, force: true });
  }

  async get<T>(path: string): Promise<T> {
    const answer = await fetch(new URL(path, this.url), { headers: { authorization: `Bearer ${this.token}` } });
    return (await answer.json()) as T;
  }

  async text(path: string): Promise<string> {
    const answer = await fetch(new URL(path, this.url), { headers: { authorization: `Bearer ${this.token}` } });
    return answer.text();
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    const answer = await fetch(new URL(path, this.url), {
      method: 'POST',
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return (await answer.json()) as T;
  }

  async log(run: string): Promise<RunEvent[]> {
    const events: RunEvent[] = [];
    for (let done = false; !done; ) {
      const after = events.at(-1)?.seq ?? 0;
      const page = await this.get<{ events: RunEvent[]; head: number; through: number }>(
        `/api/runs/${run}/events?after=${after}`,
      );
      events.push(...page.events);
      done = page.through >= page.head;
    }
    return events;
  }
}
