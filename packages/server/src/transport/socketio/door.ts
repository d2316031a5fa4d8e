import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { MillraceError, toProblem } from '@millrace/protocol';
import type { Gate } from '../../auth/gate.ts';
import { MESSAGE_LIMIT } from '../../hub/face.ts';

/** Judges a request before engine.io sees it: host, origin, size. Answers the refused ones, and browsers' questions. */
export function admitsRequest(gate: Gate, request: IncomingMessage, response: ServerResponse): boolean {
  const { headers, method = '' } = request;
  response.setHeader('x-content-type-options', 'nosniff');
  try {
    gate.check(headers);
    if (headers.origin !== undefined) {
      response.setHeader('access-control-allow-origin', headers.origin);
      response.setHeader('vary', 'Origin');
    }
    // engine.io would refuse it too, but without a word.
    if (Number(headers['content-length'] ?? 0) > MESSAGE_LIMIT) throw new MillraceError('payload_too_large');
  } catch (error) {
    const { status, body } = problemText(error);
    response.writeHead(status, { 'content-type': 'application/problem+json', connection: 'close' }).end(body);
    return false;
  }
  if (method === 'GET' || method === 'POST') return true;
  if (method === 'OPTIONS') response.writeHead(204, PREFLIGHT).end();
  else response.writeHead(405, { allow: 'GET, POST, OPTIONS' }).end();
  return false;
}

const PREFLIGHT = {
  'access-control-allow-methods': 'GET,POST',
  'access-control-allow-headers': 'authorization,content-type',
  'access-control-max-age': '600',
};

export function admitsUpgrade(gate: Gate, request: IncomingMessage, socket: Duplex): boolean {
  try {
    gate.check(request.headers);
    return true;
  } catch (error) {
    const { status, body } = problemText(error);
    answerRaw(socket, status, 'application/problem+json', body);
    return false;
  }
}

/** Answers an upgrade that does not come about. */
export function answerRaw(socket: Duplex, status: number, type: string, body: string): void {
  socket.on('error', () => {});
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${type}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function problemText(error: unknown): { status: number; body: string } {
  const problem = toProblem(error instanceof MillraceError ? error : new MillraceError('internal'));
  return { status: problem.status, body: JSON.stringify(problem) };
}
