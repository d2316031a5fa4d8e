import { createServer, request, type Server } from 'node:http';
import { connect } from 'node:net';
import { pipeline } from 'node:stream';

const done = (): void => undefined;

/** A plain balancer: each request, and each upgrade, goes to the next server, whoever sent it. */
export class RoundRobin {
  /** requests and upgrades that went to each */
  readonly counts: number[];
  readonly #ports: number[];
  readonly #server: Server;
  #turn = 0;

  constructor(ports: number[]) {
    this.#ports = ports;
    this.counts = ports.map(() => 0);
    this.#server = createServer((incoming, answer) => {
      const { method, url: path, headers } = incoming;
      const out = request({ host: '127.0.0.1', port: this.#next(), method, path, headers, agent: false });
      out.on('response', (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        pipeline(response, answer, done);
      });
      out.on('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()));
      answer.on('close', () => out.destroy());
      pipeline(incoming, out, done);
    });
    this.#server.on('upgrade', ({ method, url, rawHeaders }, near, head) => {
      const far = connect(this.#next(), '127.0.0.1');
      const lines = [`${method} ${url} HTTP/1.1`];
      for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
      far.write(`${lines.join('\r\n')}\r\n\r\n`);
      far.write(head);
      pipeline(near, far, near, done);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #next(): number {
    this.#turn = (this.#turn + 1) % this.#ports.length;
    this.counts[this.#turn] = (this.counts[this.#turn] ?? 0) + 1;
    return this.#ports[this.#turn] as number;
  }
}
