import { Agent, request } from 'node:http';

/** POST and PUT over kept connections to one server. */
export class Poster {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 32 });
  readonly #port: number;
  readonly #headers: Record<string, string>;

  constructor(port: number, headers: Record<string, string> = {}) {
    this.#port = port;
    this.#headers = headers;
  }

  /** Rejects on any answer but 2xx. */
  send(
    method: 'POST' | 'PUT' | 'GET',
    path: string,
    body = '',
  ): Promise<{ text: string; headers: Record<string, string | string[] | undefined> }> {
    const bytes = Buffer.from(body);
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          ...{ host: '127.0.0.1', port: this.#port, method, path, agent: this.#agent },
          headers: { 'content-type': 'application/json', ...this.#headers, 'content-length': bytes.length },
        },
        (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(parts).toString();
            const { statusCode = 0, headers } = response;
            if (statusCode >= 200 && statusCode < 300) resolve({ text, headers });
            else reject(new Error(`${method} ${path} was answered with ${statusCode}: ${text.slice(0, 500)}`));
          });
        },
      );
      sent.on('error', reject);
      sent.end(bytes);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
