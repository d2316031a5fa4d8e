import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@millrace/client';
import { freePort } from '../process.ts';
import { acts, type Cluster } from './cluster-acts.ts';
import { ClusterMember } from './cluster-member.ts';
import { CommitCutter } from './commit-cutter.ts';
import { faultOf } from './connection-fault.ts';
import type { DeliveryOutcome } from './delivery.ts';
import { DeliveryLoad } from './delivery-load.ts';
import type { DeliverySize } from './delivery-plan.ts';
import { Dice } from './dice.ts';
import { overdue } from './overdue.ts';
import { PostgresProcess } from './postgres-process.ts';
import { RedisProcess } from './redis-process.ts';
import { TcpProxy } from './tcp-proxy.ts';

export interface ClusterScale extends DeliverySize {
  servers: number;
  workers: number;
  processes: number;
  /** how many of the acts are played; they are shuffled by the seed */
  acts: number;
  /** ms that the clients may take after the last event, and the whole of it */
  patience: { after: number; whole: number };
}

export const fullCluster: ClusterScale = {
  ...{ clients: 300, runs: 60, lists: 20, late: 20, appends: 60, pause: 600 },
  ...{ servers: 3, workers: 4, processes: 2, acts: acts.length, patience: { after: 30_000, whole: 420_000 } },
};
export const shortCluster: ClusterScale = {
  ...{ clients: 24, runs: 6, lists: 4, late: 3, appends: 40, pause: 200 },
  ...{ servers: 2, workers: 2, processes: 1, acts: 4, patience: { after: 20_000, whole: 90_000 } },
};

const LEASE = 4_000;

/**
 * Servers that share a Postgres and a Redis, with workers, producers and followers that are moved between them, while
 * one after the other breaks. Throws where it does not come to an end.
 */
export async function cluster(
  seed: number,
  scale: ClusterScale,
  report: (line: string) => void,
): Promise<DeliveryOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-cluster-'));
  const dice = new Dice(seed);
  const ports = { postgres: await freePort(), redis: await freePort() };
  const postgres = new PostgresProcess(folder, ports.postgres);
  const redis = new RedisProcess(folder, ports.redis);
  const env = {
    ...{ MILLRACE_JWT_SECRET: `a secret of seed ${seed}, no other`, MILLRACE_RATE_LIMIT: '1000000' },
    ...{ MILLRACE_LOG: 'error', MILLRACE_LEASE_MS: String(LEASE), MILLRACE_RENEW_MS: String(LEASE / 5) },
    ...{ MILLRACE_GRACE_MS: '2000' },
  };
  const commits = new CommitCutter();
  const members: ClusterMember[] = [];
  // Each connection goes to another server than the one before.
  const proxies = [1, 2].map(
    (which) =>
      new TcpProxy({
        target: (connection) => members[new Dice(seed + which + connection).below(members.length)]?.port ?? 0,
        fault: (connection) => faultOf(seed + which, connection),
      }),
  );
  const [followed, produced] = proxies as [TcpProxy, TcpProxy];
  let load: DeliveryLoad | undefined;

  const play = async (): Promise<DeliveryOutcome> => {
    await Promise.all([postgres.start(), redis.start()]);
    for (let made = 0; made < scale.servers; made += 1) {
      const data = join(folder, `data-${made}`);
      members.push(await ClusterMember.make({ ...ports, commits, env: { ...env, MILLRACE_DATA: data } }));
    }
    const [token = ''] = await Promise.all(members.map((member) => member.begin()));
    const { api } = createClient({ url: `http://127.0.0.1:${members[0]?.port}`, token });
    load = new DeliveryLoad({
      ...{
        folder,
        seed,
        size: scale,
        processes: scale.processes,
        workers: scale.workers,
        token,
        patience: scale.patience.after,
      },
      followed: `http://127.0.0.1:${await followed.listen()}`,
      produced: `http://127.0.0.1:${await produced.listen()}`,
    });
    await load.start(api);
    const whole: Cluster = { members, postgres, redis, commits, load, followed, produced, dice, lease: LEASE };
    const findings: string[] = [];
    for (const [index, act] of dice.some(acts, scale.acts).entries()) {
      await load.written(Math.round((90 * (index + 1)) / (scale.acts + 1)));
      report(`  ${act.name}`);
      findings.push(...(await act.play(whole)));
      for (const { process } of members) {
        if (process.child.exitCode !== null) findings.push(`a server ended by itself after "${act.name}"`);
      }
    }
    const verdict = await load.finish(api);
    const { connections } = load;
    return {
      verdict: { ...verdict, findings: [...findings, ...verdict.findings] },
      ...{ connections, faults: { followed: followed.counts, produced: produced.counts } },
    };
  };
  try {
    const outcome = await Promise.race([play(), overdue(scale.patience.whole)]);
    if (outcome.verdict.findings.length === 0) rmSync(folder, { recursive: true, force: true });
    return outcome;
  } catch (error) {
    const printed = [load?.output, ...members.map((one) => one.output), postgres.log.slice(-5_000)].join('\n---\n');
    throw new Error(`seed ${seed} (${folder}): ${String(error)}\n${printed.slice(-20_000)}`, { cause: error });
  } finally {
    await load?.kill();
    for (const member of members) await member.close();
    for (const proxy of proxies) await proxy.close();
    await redis.stop();
    await postgres.stop();
  }
}
