import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface StoredObject {
  bytes: Buffer;
  type: string;
}

/** Stands in for S3: one bucket, `box`, whose objects only those may read and write who know the secret. */
export class S3StandIn {
  readonly objects = new Map<string, StoredObject>();
  /** answered to the next requests, before anything else; 0 = nothing at all */
  readonly trouble: number[] = [];
  requests = 0;
  readonly #server: Server;
  readonly #secret: string;

  private constructor(secret: string) {
    this.#secret = secret;
    this.#server = createServer((request, response) => {
      this.requests += 1;
      void read(request).then((body) => {
        const answer = this.#answer(request, body);
        if (!answer) return;
        response.writeHead(answer.status, answer.type === undefined ? {} : { 'x-amz-meta-type': answer.type });
        response.end(answer.code === undefined ? answer.bytes : `<Error><Code>${answer.code}</Code></Error>`);
      });
    });
  }

  static async start(secret: string): Promise<S3StandIn> {
    const standIn = new S3StandIn(secret);
    await new Promise<void>((listening) => standIn.#server.listen(0, '127.0.0.1', listening));
    return standIn;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  #answer(
    request: IncomingMessage,
    body: Buffer,
  ): { status: number; code?: string; bytes?: Buffer; type?: string } | undefined {
    const trouble = this.trouble.shift();
    if (trouble === 0) return undefined;
    if (trouble !== undefined) return { status: trouble, code: 'SlowDown' };
    if (!this.#isSigned(request, body)) return { status: 403, code: 'SignatureDoesNotMatch' };
    const path = request.url ?? '';
    if (!path.startsWith('/box/')) return { status: 404, code: 'NoSuchBucket' };
    if (request.method === 'PUT') {
      this.objects.set(path, { bytes: body, type: String(request.headers['x-amz-meta-type']) });
      return { status: 200 };
    }
    return { status: 404, code: 'NoSuchKey', ...this.#found(path) };
  }

  #found(path: string) {
    const found = this.objects.get(path);
    return found && { status: 200, code: undefined, ...found };
  }

  /** Signature Version 4, as Amazon's documentation has it. */
  #isSigned({ method, url, headers }: IncomingMessage, body: Buffer): boolean {
    const form =
      /^AWS4-HMAC-SHA256 Credential=(\w+)\/((\d{8})\/([\w-]+)\/s3\/aws4_request), SignedHeaders=([\w;-]+), Signature=(\w{64})$/;
    const [, , scope = '', day = '', region = '', names = '', signature] = form.exec(headers.authorization ?? '') ?? [];
    const payload = headers['x-amz-content-sha256'];
    if (payload !== sha256(body) || !names.split(';').includes('x-amz-content-sha256')) return false;
    const lines = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
    const canonical = [method, url, '', lines.join(''), names, payload].join('\n');
    const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n');
    const key = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${this.#secret}`);
    return hmac(key, text).toString('hex') === signature;
  }
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
