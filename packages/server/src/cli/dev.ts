import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { MillraceError } from '@millrace/protocol/error';
import { defineCommand } from 'citty';
import type { Host } from './host.ts';
import { paint } from './paint.ts';
import { overridesOf, serverArgs, startServer } from './start.ts';

const WORKER_TOKEN_SECONDS = 30 * 24 * 3600;
/** ms; an editor that saves touches a file several times */
const SETTLE_MS = 150;
const watched = /\.([cm]?[jt]sx?|json)$/;
const ignored = /(^|\/)(node_modules|dist|\.[^/]+)(\/|$)/;

/** A server and the worker of FILE beside it, in a process of its own that is started anew when a file changes. */
export const dev = (host: Host) =>
  defineCommand({
    meta: { name: 'dev', description: 'Start a server and the worker of FILE, restarted when its files change' },
    args: {
      file: { type: 'positional', description: 'the file that starts the worker', required: true },
      ...serverArgs,
    },
    async run({ args }) {
      const file = resolve(args.file);
      if (!existsSync(file)) throw new MillraceError('config_invalid', { detail: `There is no file ${file}.` });
      const { server } = await startServer(host, overridesOf(args));
      const token = await server.token({ sub: 'dev', roles: ['worker'] }, WORKER_TOKEN_SECONDS);
      const worker = new WorkerProcess(file, { MILLRACE_URL: server.url, MILLRACE_TOKEN: token });
      worker.start();
      const watcher = watch(dirname(file), { recursive: true }, (_event, name) => {
        if (name !== null && watched.test(name) && !ignored.test(name)) worker.restart(name);
      });
      await server.closed;
      watcher.close();
      worker.stop();
    },
  });

class WorkerProcess {
  readonly #file: string;
  readonly #env: Record<string, string>;
  #child: ChildProcess | undefined;
  #settling: NodeJS.Timeout | undefined;
  #again = false;

  constructor(file: string, env: Record<string, string>) {
    this.#file = file;
    this.#env = env;
  }

  start(): void {
    this.#again = false;
    const child = spawn(process.execPath, [...process.execArgv, this.#file], {
      stdio: 'inherit',
      env: { ...process.env, ...this.#env },
    });
    this.#child = child;
    console.log(`  worker   ${basename(this.#file)}, pid ${child.pid}`);
    child.on('exit', (code, signal) => {
      this.#child = undefined;
      if (this.#again) return this.start();
      if (code !== 0 && signal === null)
        console.log(paint('red', `The worker ended with ${code}. Waiting for a change.`));
    });
  }

  /** The old one finishes what it holds or hands it back; then the new one starts. */
  restart(changed: string): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      console.log(paint('gray', `${changed} has changed.`));
      if (!this.#child) return this.start();
      this.#again = true;
      this.#child.kill('SIGTERM');
    }, SETTLE_MS);
  }

  stop(): void {
    clearTimeout(this.#settling);
    this.#again = false;
    this.#child?.kill('SIGTERM');
  }
}
