import { setTimeout } from 'node:timers/promises';
import type { ClusterMember } from './cluster-member.ts';
import type { CommitCutter } from './commit-cutter.ts';
import type { DeliveryLoad } from './delivery-load.ts';
import type { Dice } from './dice.ts';
import type { PostgresProcess } from './postgres-process.ts';
import type { RedisProcess } from './redis-process.ts';
import type { TcpProxy } from './tcp-proxy.ts';

/** What there is to break. */
export interface Cluster {
  members: readonly ClusterMember[];
  postgres: PostgresProcess;
  redis: RedisProcess;
  /** on every member's way to the database */
  commits: CommitCutter;
  load: DeliveryLoad;
  followed: TcpProxy;
  produced: TcpProxy;
  dice: Dice;
  /** ms that a lease lasts */
  lease: number;
}

/** Something that goes wrong in a cluster, and is mended; answers what is not as it should be meanwhile. */
export interface Act {
  name: string;
  play(cluster: Cluster): Promise<string[]>;
}

/** ms that a broken way stays broken */
const OUTAGE = 3_000;
/** ms within which a server says that it has no database, and that it has one again */
const NOTICE = 15_000;

export const acts: readonly Act[] = [
  act('a server is killed', async (cluster) => {
    const member = cluster.dice.pick(cluster.members);
    await member.process.kill();
    await member.start();
  }),
  act('a worker is killed', async ({ load, dice }) => {
    await dice.pick(running(load)).kill();
    await load.addWorker();
  }),
  act('Redis forgets everything', ({ redis }) => redis.restart()),
  act('Postgres is restarted', ({ postgres }) => postgres.restart('orderly', 3_000)),
  act('Postgres crashes', ({ postgres }) => postgres.restart('crash', 0)),
  act('replies to COMMIT are lost', async ({ commits }) => {
    for (let lost = 0; lost < 6; lost += 1) await commits.next();
  }),
  act('Postgres crashes between a COMMIT and its reply', async ({ commits, postgres }) => {
    await commits.next();
    await postgres.restart('crash', 0);
  }),
  act('a worker is stopped past its lease, and woken', ({ load, dice, lease }) =>
    frozen(dice.pick(running(load)).child, 2 * lease),
  ),
  act('a server is stopped past a lease, and woken', ({ members, dice, lease }) =>
    frozen(dice.pick(members).process.child, 2 * lease),
  ),
  { name: 'a server is cut from the database', play: (cluster) => withoutDatabase(cluster, (way) => way.sever()) },
  {
    name: 'a server hears nothing from the database',
    play: (cluster) => withoutDatabase(cluster, (way) => way.hold()),
  },
  act('a server is cut from Redis', ({ members, dice }) => broken(dice.pick(members).bus, (way) => way.sever())),
  act('a server hears nothing from Redis', ({ members, dice }) => broken(dice.pick(members).bus, (way) => way.hold())),
  act('all followers and producers move', async ({ followed, produced }) => {
    followed.cutAll();
    produced.cutAll();
  }),
];

function act(name: string, play: (cluster: Cluster) => Promise<void>): Act {
  return {
    name,
    play: async (cluster) => {
      await play(cluster);
      return [];
    },
  };
}

function running({ workers }: DeliveryLoad) {
  return workers.filter(({ child }) => child.exitCode === null && child.signalCode === null);
}

async function frozen(child: { kill(signal: NodeJS.Signals): boolean }, ms: number): Promise<void> {
  child.kill('SIGSTOP');
  await setTimeout(ms);
  child.kill('SIGCONT');
}

async function broken(way: TcpProxy, breakIt: (way: TcpProxy) => void): Promise<void> {
  breakIt(way);
  await setTimeout(OUTAGE);
  way.mend();
}

/** The server must say so on its ready check, must not end, and must come back by itself. */
async function withoutDatabase({ members, dice }: Cluster, breakIt: (way: TcpProxy) => void): Promise<string[]> {
  const member = dice.pick(members);
  breakIt(member.database);
  const told = await within(NOTICE, async () => !(await member.ready()));
  await setTimeout(OUTAGE);
  member.database.mend();
  const back = await within(NOTICE, () => member.ready());
  return [
    ...(told ? [] : ['a server without its database went on saying that it is ready']),
    ...(back ? [] : ['a server did not come back when its database did']),
  ];
}

async function within(ms: number, ask: () => Promise<boolean>): Promise<boolean> {
  for (const end = performance.now() + ms; performance.now() < end; await setTimeout(100)) {
    if (await ask()) return true;
  }
  return false;
}
