import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock } from '@millrace/protocol';

export type ExpressionRequest = { kind: 'parse'; source: string } | { kind: 'evaluate'; source: string; data: unknown };

export type ExpressionResult =
  | { ok: true; value: unknown }
  | { ok: false; code: 'expression_failed' | 'expression_timeout' | 'expression_memory'; message: string };

/**
 * Evaluates JSONata in a process of its own, one expression after the other, because an expression can hold a
 * thread for ever, and one that runs out of memory takes its whole process along, even from a worker thread with
 * limits (docs/decisions/0002). One that takes longer than `timeout` ms, or more than `memory` MB, ends with the
 * process; the next gets a new one. The process starts with the first expression and dies with its parent.
 */
export class Expressions {
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #memory: number;
  #host: ChildProcess | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: { clock: Clock; timeout?: number; memory?: number }) {
    this.#clock = options.clock;
    this.#timeout = options.timeout ?? 1_000;
    this.#memory = options.memory ?? 64;
  }

  evaluate(source: string, data: unknown): Promise<ExpressionResult> {
    return this.#next({ kind: 'evaluate', source, data });
  }

  /** Why the source does not parse, or undefined. */
  async parse(source: string): Promise<string | undefined> {
    const result = await this.#next({ kind: 'parse', source });
    return result.ok ? undefined : result.message;
  }

  async close(): Promise<void> {
    await this.#queue;
    this.#host?.removeAllListeners().kill('SIGKILL');
    this.#host = undefined;
  }

  #next(request: ExpressionRequest): Promise<ExpressionResult> {
    const result = this.#queue.then(() => this.#run(request));
    this.#queue = result;
    return result;
  }

  async #run(request: ExpressionRequest): Promise<ExpressionResult> {
    this.#host ??= await this.#spawn();
    const host = this.#host;
    return new Promise((resolve) => {
      const finish = (result: ExpressionResult, broken: boolean) => {
        cancel();
        host.removeAllListeners('message').removeAllListeners('exit').removeAllListeners('error');
        if (broken) {
          this.#host = undefined;
          host.kill('SIGKILL');
        }
        resolve(result);
      };
      const cancel = this.#clock.after(this.#timeout, () => {
        finish(
          { ok: false, code: 'expression_timeout', message: `The expression took longer than ${this.#timeout} ms.` },
          true,
        );
      });
      const died = () => {
        finish(
          { ok: false, code: 'expression_memory', message: `The expression used more than ${this.#memory} MB.` },
          true,
        );
      };
      host.on('message', (result: ExpressionResult) => finish(result, false));
      host.on('exit', died);
      host.on('error', died);
      host.send(request);
    });
  }

  /** Resolves when the process is up, so that its start does not count as the expression's time. */
  #spawn(): Promise<ChildProcess> {
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const host = fork(fileURLToPath(new URL(`./expressions-host.${ending}`, import.meta.url)), {
      execArgv: [],
      env: {},
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'json',
    });
    host.unref();
    host.channel?.unref();
    host.send({ memory: this.#memory });
    return new Promise((resolve) => {
      host.once('message', () => resolve(host));
      host.once('exit', () => resolve(host));
    });
  }
}
