import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.rig.ts';

/** A redis-server of a test's own: on a free port, with nothing written to disk. */
export class RedisProcess {
  readonly port: number;
  readonly url: string;
  readonly #args: string[];
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-redis-'));
  #child: ChildProcess | undefined;

  private constructor(port: number, args: string[]) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#args = args;
  }

  /** `args` as on the command line, such as `--requirepass`, `secret`. */
  static async start(...args: string[]): Promise<RedisProcess> {
    const redis = new RedisProcess(await freePort(), args);
    await redis.start();
    return redis;
  }

  async start(): Promise<void> {
    const own = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--dir', this.#folder];
    const child = spawn('redis-server', [...own, ...this.#args], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      let output = '';
      child.once('error', (error) => reject(new Error('This test needs redis-server on the PATH.', { cause: error })));
      child.once('exit', () => reject(new Error(`redis-server ended:\n${output}`)));
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('Ready to accept connections')) resolve();
      });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends it at once; what it held is gone. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
