import { expect } from 'vitest';

interface RunDetail {
  status: string;
  output?: unknown;
  error?: { message: string };
  waits: { id: string; approval: { title: string; details: { answer: string } } }[];
}

interface LogEvent {
  seq: number;
  type: string;
  node?: string;
  step?: string;
  attempt?: number;
  data: Record<string, unknown> & { url?: string };
}

/** What the demo's tests ask a server over HTTP. */
export class RunReader {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  async start(workflow: string, input: unknown): Promise<string> {
    const answer = await this.#fetch('/api/runs', { workflow, input });
    return ((await answer.json()) as { id: string }).id;
  }

  async get(id: string): Promise<RunDetail> {
    return (await (await this.#fetch(`/api/runs/${id}`)).json()) as RunDetail;
  }

  /** Waits until the run asks a person; answers its open approval. */
  async approval(id: string): Promise<RunDetail['waits'][number]> {
    const run = await this.#until(id, ({ status, waits }) => waits.length > 0 || status !== 'running');
    const [approval] = run.waits;
    if (!approval) throw new Error(`The run asks nobody; it is ${run.status}: ${run.error?.message}`);
    return approval;
  }

  async decide(id: string, approval: string, answer: { decision: string; comment?: string }): Promise<void> {
    await this.#fetch(`/api/runs/${id}/approvals/${encodeURIComponent(approval)}`, answer);
  }

  ended(id: string): Promise<RunDetail> {
    return this.#until(id, ({ status }) => status !== 'running' && status !== 'created');
  }

  async events(id: string): Promise<LogEvent[]> {
    const all: LogEvent[] = [];
    for (let through = -1; (all.at(-1)?.seq ?? 0) > through; ) {
      through = all.at(-1)?.seq ?? 0;
      const page = await this.#fetch(`/api/runs/${id}/events?after=${through}&limit=1000`);
      all.push(...((await page.json()) as { events: LogEvent[] }).events);
    }
    return all;
  }

  async file(path: string | undefined): Promise<string> {
    return (await this.#fetch(path ?? '/none')).text();
  }

  async #until(id: string, there: (run: RunDetail) => boolean): Promise<RunDetail> {
    await expect.poll(async () => there(await this.get(id)), { timeout: 20_000, interval: 50 }).toBe(true);
    return this.get(id);
  }

  async #fetch(path: string, body?: unknown): Promise<Response> {
    const answer = await fetch(this.#url + path, {
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  }
}
