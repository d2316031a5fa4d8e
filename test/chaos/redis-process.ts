import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A redis-server of a test's own, on 127.0.0.1, with nothing on the disk. */
export class RedisProcess {
  readonly #port: number;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
  }

  async start(): Promise<void> {
    const args = ['--port', String(this.#port), '--bind', '127.0.0.1', '--save', '', '--dir', this.#folder];
    const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    let printed = '';
    await new Promise<void>((resolve, reject) => {
      child.once('error', (error) => reject(new Error('This test needs redis-server on the PATH.', { cause: error })));
      child.once('exit', () => reject(new Error(`redis-server ended:\n${printed}`)));
      child.stdout.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
        if (printed.includes('Ready to accept connections')) resolve();
      });
    });
  }

  /** What it held is gone. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}
