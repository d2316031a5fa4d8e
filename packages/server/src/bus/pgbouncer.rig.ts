import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.rig.ts';
import type { PostgresProcess } from './postgres.rig.ts';

/** Debian's pgbouncer in front of a test's Postgres. */
export class Bouncer {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.url = `postgres://postgres:secret@127.0.0.1:${port}/postgres`;
    this.#child = child;
    this.#folder = folder;
  }

  static async start(postgres: PostgresProcess, mode: 'transaction' | 'session'): Promise<Bouncer> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'millrace-pgbouncer-'));
    chmodSync(folder, 0o755);
    const settings = {
      ...{ listen_addr: '127.0.0.1', listen_port: port, unix_socket_dir: '', pool_mode: mode },
      ...{ auth_type: 'any', ignore_startup_parameters: 'extra_float_digits' },
    };
    const server = `host=127.0.0.1 port=${postgres.port} user=postgres password=secret`;
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
    const file = join(folder, 'pgbouncer.ini');
    writeFileSync(file, ['[databases]', `postgres = ${server}`, '[pgbouncer]', ...lines, ''].join('\n'));
    // It refuses to run as root.
    const id = (which: string) => Number(execFileSync('id', [which, 'postgres'], { encoding: 'utf8' }));
    const user = process.getuid?.() === 0 ? { uid: id('-u'), gid: id('-g') } : {};
    const env = { PATH: `${process.env.PATH}:/usr/sbin` };
    const child = spawn('pgbouncer', [file], { stdio: ['ignore', 'ignore', 'pipe'], env, ...user });
    await new Promise<void>((resolve, reject) => {
      let output = '';
      child.once('error', (error) => reject(new Error('This test needs pgbouncer on the PATH.', { cause: error })));
      child.once('exit', () => reject(new Error(`pgbouncer ended:\n${output}`)));
      child.stderr.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('process up')) resolve();
      });
    });
    return new Bouncer(port, child, folder);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
