import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Gauge } from './gauge.ts';
import { cpuOf, rssOf } from './process-figures.ts';

export type OnClose = (close: () => unknown) => void;

export interface ServerFile {
  /** path from bench/ */
  file: string;
  args?: string[];
  env?: Record<string, string>;
  /** what it prints once it listens */
  ready: RegExp;
}

/** Where the load is profiled, the server is too. */
const profile = process.execArgv.filter((argument) => argument.startsWith('--cpu-prof'));
const bench = fileURLToPath(new URL('..', import.meta.url));

/** A contender's server in a process of its own, beside the load's. It is killed with `onClose`. */
export class ServerProcess {
  readonly #child: ChildProcess;
  output = '';

  /** Resolves with what `ready` matched once the server listens; rejects when it ends before. */
  static async start(
    server: ServerFile,
    onClose: OnClose,
  ): Promise<{ process: ServerProcess; match: RegExpExecArray }> {
    const { file, args = [], env = {} } = server;
    const own = ['--expose-gc', '--import', 'millrace/source.mjs', '--import', `${bench}harness/gauge.ts`, ...profile];
    const child = spawn(process.execPath, [...own, `${bench}${file}`, ...args], {
      cwd: bench,
      env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const made = new ServerProcess(child);
    onClose(() => made.kill());
    return { process: made, match: await made.#printed(server.ready) };
  }

  constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output = (this.output + chunk.toString()).slice(-4_000);
      });
    }
    child.on('exit', (code, signal) => {
      if (signal !== 'SIGKILL' && code !== 0) console.error(`A server ended with ${code ?? signal}:\n${this.output}`);
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** What it holds and has used. It collects its garbage first, so this is not for the middle of a measurement. */
  gauge(): Promise<Gauge> {
    return this.ask('gauge');
  }

  /** Sends a message and resolves with the next one that comes back. */
  ask<Answer>(message: object | string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#child.once('message', (answer) => resolve(answer as Answer));
      this.#child.send(message, (error) => error && reject(error));
    });
  }

  get rss(): number {
    return rssOf(this.pid);
  }

  get cpu(): number {
    return cpuOf(this.pid);
  }

  /** Ends it at once. A profile, though, is written at an orderly end. */
  kill(): Promise<void> {
    return this.#end(profile.length > 0 ? 'SIGTERM' : 'SIGKILL');
  }

  /** Asks it to end, and waits until it has. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill(signal);
    await exited;
  }

  #printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this.output);
        if (!match) return;
        this.#child.stdout?.off('data', look);
        this.#child.stderr?.off('data', look);
        resolve(match);
      };
      this.#child.stdout?.on('data', look);
      this.#child.stderr?.on('data', look);
      this.#child.once('error', reject);
      this.#child.once('exit', () => reject(new Error(`The server ended before it listened:\n${this.output}`)));
    });
  }
}
