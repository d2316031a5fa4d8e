import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Role } from '../auth/auth.ts';
import { createServer, type Server, type ServerOptions } from '../server.ts';

/** A real server on a free port with a memory store, and ways to ask it as different people. */
export interface Served {
  server: Server;
  /** Asks as `who`; a body that is no text is sent as JSON. */
  ask(who: Who, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  token(who: Who): Promise<string>;
  /** Every run's id and head: what has been written. */
  written(): Promise<unknown>;
  close(): Promise<void>;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** the JSON, where it is JSON */
  body: Record<string, unknown>;
}

const people = {
  ada: { sub: 'ada', roles: ['user'] },
  bob: { sub: 'bob', roles: ['user'] },
  olga: { sub: 'olga', roles: ['operator'] },
  will: { sub: 'will', roles: ['worker'] },
  root: { sub: 'root', roles: ['admin'] },
  stranger: { sub: 'ada', tenant: 'elsewhere', roles: ['admin'] },
} satisfies Record<string, { sub: string; tenant?: string; roles: Role[] }>;

export type Who = keyof typeof people | 'nobody';

/** A linear graph: `greet` runs the task hello, then `check` the task review. */
export const twoNodes = [
  { id: 'greet', task: 'hello' },
  { id: 'check', task: 'review', needs: ['greet'] },
];

export async function serve(options: ServerOptions = {}): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-http-'));
  const server = await createServer({
    env: {},
    port: 0,
    store: 'memory',
    data: folder,
    logLevel: 'silent',
    ...options,
  });
  const token = (who: Who) => (who === 'nobody' ? Promise.resolve('') : server.token(people[who]));

  return {
    server,
    token,
    async ask(who, method, path, body, headers = {}) {
      const plain = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
      const answer = await fetch(server.url + path, {
        method,
        headers: {
          ...(who === 'nobody' ? {} : { authorization: `Bearer ${await token(who)}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: plain ? (body as string) : JSON.stringify(body) }),
      });
      const text = await answer.text();
      const json = answer.headers.get('content-type')?.includes('json');
      return { status: answer.status, headers: answer.headers, text, body: json ? JSON.parse(text) : {} };
    },
    async written() {
      const { rows } = await server.store.runRows({ tenant: 'default', limit: 1_000 });
      return rows.map(({ run, head, ctl }) => [run, head, ctl]);
    },
    async close() {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
