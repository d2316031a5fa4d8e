import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';

/**
 * A server for one worker, in a thread of its own: it hands out one attempt, fences it when no renewal came for a lease,
 * and tells what it saw. Started as a thread by http-link.int.test.ts; imports nothing of ours.
 */
export interface ServerData {
  leaseMs: number;
  renewMs: number;
  /** answers the first claim as a server does that was restarted and knows no workers */
  forgetful?: boolean;
  /** cuts the connection of the first append after it was written */
  cutsReply?: boolean;
  /** is away for so many ms after the claim: renewals get no answer */
  away?: number;
}

export type ServerNews =
  | { port: number }
  | { request: string; body: unknown; authorization: string | undefined }
  | { fenced: true };

const { leaseMs, renewMs, forgetful, cutsReply, away = 0 } = workerData as ServerData;
let claimedAt = Infinity;
const assignment = {
  run: 'r1',
  node: 'n',
  attempt: 1,
  task: 'work',
  workflow: 'w',
  input: { ms: leaseMs * 3 },
  tags: [],
  leaseMs,
  journal: { steps: {}, waits: {}, checkpoints: {} },
};
const tell = (news: ServerNews): void => (parentPort as MessagePort).postMessage(news);
const signals: ServerResponse[] = [];
const answers = new Map<number, number>();
let known = false;
let forgotten = false;
let given = false;
let renewedAt = Infinity;
let fenced = false;
let cut = false;

setInterval(() => {
  if (fenced || Date.now() - renewedAt < leaseMs) return;
  fenced = true;
  tell({ fenced: true });
}, 20);
parentPort?.on('message', (signal) => {
  for (const stream of signals) stream.write(`data: ${JSON.stringify(signal)}\n\n`);
});

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => answer(request, response, Buffer.concat(parts).toString()));
});
server.listen(0, '127.0.0.1', () => tell({ port: (server.address() as AddressInfo).port }));

function answer({ method, url = '', headers }: IncomingMessage, response: ServerResponse, text: string): void {
  const body = text.startsWith('{') ? (JSON.parse(text) as { leases?: object[]; sequence?: number }) : {};
  const path = url.replace(/^\/api/, '');
  tell({ request: `${method} ${path}`, body, authorization: headers.authorization });
  const json = (status: number, value: unknown) => {
    response.writeHead(status, { 'content-type': status < 300 ? 'application/json' : 'application/problem+json' });
    response.end(JSON.stringify(value));
  };
  if (path === '/workers') {
    known = true;
    return json(200, { leaseMs, renewMs });
  }
  if (path.endsWith('/claim')) {
    if (forgetful && !forgotten) {
      forgotten = true;
      known = false;
    }
    if (!known)
      return json(404, {
        type: 'x',
        title: 'x',
        status: 404,
        code: 'not_found',
        detail: 'register again',
        fix: '',
        retry: false,
      });
    if (given) return;
    given = true;
    claimedAt = Date.now();
    renewedAt = claimedAt;
    return json(200, { assignments: [assignment] });
  }
  if (path.endsWith('/renew')) {
    renewedAt = Date.now();
    if (renewedAt - claimedAt < away) {
      response.destroy();
      return;
    }
    return json(200, { leases: (body.leases ?? []).map((lease) => ({ ...lease, state: fenced ? 'lost' : 'held' })) });
  }
  if (path.endsWith('/signals')) {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n\n');
    signals.push(response);
    return;
  }
  if (!path.endsWith('/events')) return json(404, {});
  const sequence = body.sequence ?? 0;
  const before = answers.get(sequence);
  if (fenced && before === undefined) {
    return json(409, { type: 'x', title: 'x', status: 409, code: 'stale_attempt', fix: '', retry: false, newest: 2 });
  }
  answers.set(sequence, before ?? answers.size + 1);
  if (cutsReply && !cut) {
    cut = true;
    response.destroy();
    return;
  }
  json(200, { seq: answers.get(sequence), ...(before === undefined ? {} : { repeated: true }) });
}
