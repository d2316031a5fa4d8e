import { freePort, Process } from '../process.ts';
import type { CommitCutter } from './commit-cutter.ts';
import { TcpProxy } from './tcp-proxy.ts';

export interface MemberOptions {
  postgres: number;
  redis: number;
  /** of all members */
  commits: CommitCutter;
  env: Record<string, string>;
}

/** One server of a cluster, with a way to the database and one to Redis that can be broken. */
export class ClusterMember {
  readonly port: number;
  readonly database: TcpProxy;
  readonly bus: TcpProxy;
  readonly #env: Record<string, string>;
  readonly #started: Process[] = [];

  private constructor(port: number, { postgres, redis, commits, env }: MemberOptions) {
    this.port = port;
    this.#env = env;
    this.bus = new TcpProxy({ target: () => redis });
    this.database = new TcpProxy({ target: () => postgres, inspect: commits.inspect });
  }

  static async make(options: MemberOptions): Promise<ClusterMember> {
    return new ClusterMember(await freePort(), options);
  }

  /** Answers a token for everything. */
  async start(): Promise<string> {
    const process = new Process('packages/server/millrace.mjs', ['start'], this.#env);
    this.#started.push(process);
    return (await process.printed(/\?token=(\S+)/))[1] ?? '';
  }

  /** Opens the two ways and starts for the first time. */
  async begin(): Promise<string> {
    Object.assign(this.#env, {
      PORT: String(this.port),
      DATABASE_URL: `postgres://postgres:secret@127.0.0.1:${await this.database.listen()}/millrace`,
      REDIS_URL: `redis://127.0.0.1:${await this.bus.listen()}`,
    });
    return this.start();
  }

  get process(): Process {
    return this.#started.at(-1) as Process;
  }

  get output(): string {
    return this.#started.map((one) => one.output).join('\n');
  }

  async ready(): Promise<boolean> {
    try {
      const signal = AbortSignal.timeout(2_000);
      return (await fetch(`http://127.0.0.1:${this.port}/api/health/ready`, { signal })).ok;
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    for (const one of this.#started) await one.kill();
    await this.database.close();
    await this.bus.close();
  }
}
