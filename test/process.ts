import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** A real process of a test: it is awaited by what it prints, and ended by its own id. */
export class Process {
  readonly child: ChildProcess;
  output = '';
  readonly exited: Promise<number | null>;
  readonly #waiting = new Set<() => void>();

  /** `file` is a path from the repository's root; it runs under this very Node, from source. */
  constructor(file: string, args: string[] = [], env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, ['--import', 'millrace/source.mjs', file, ...args], {
      cwd: root,
      env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
        for (const look of this.#waiting) look();
      });
    }
    this.exited = new Promise((resolve) => {
      this.child.once('exit', (code) => {
        resolve(code);
        for (const look of this.#waiting) look();
      });
    });
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** Resolves with the match once the process has printed it; rejects when it ends without. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this.output);
        if (match) resolve(match);
        else if (this.child.exitCode !== null || this.child.signalCode !== null) {
          reject(new Error(`The process ended without printing ${pattern}:\n${this.output}`));
        } else return;
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
      look();
    });
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    await this.exited;
  }
}

/** A port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
