import { createServer } from 'node:net';
import { type Clock, MillraceError } from '@millrace/protocol';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { SimulatedClock, systemClock } from '../clock.ts';
import { busSuite, covered, events } from './bus.suite.ts';
import { topics } from './bus.ts';
import { openRedisBus, type RedisBus } from './bus-redis.ts';
import { TEXT_LIMIT } from './bus-redis-payload.ts';
import { RedisProcess } from './redis.rig.ts';

const patience = { timeout: 15_000, interval: 20 };
let counted = new Map<string, number>();
const open: RedisBus[] = [];
let servers = 0;

/** One server's end of the bus; all of a space hear each other. */
async function end(
  url: string,
  space: string | (() => string) = `space${servers}`,
  clock: Clock = systemClock,
): Promise<RedisBus> {
  servers += 1;
  const own = counted;
  const bus = await openRedisBus({
    ...{
      url,
      space: typeof space === 'string' ? () => space : space,
      server: `server${servers}`,
      clock,
      random: () => 0,
    },
    count: (name, by = 1) => own.set(name, (own.get(name) ?? 0) + by),
  });
  open.push(bus);
  return bus;
}

afterEach(async () => {
  for (const bus of open.splice(0)) await bus.close();
  counted = new Map();
});

/** Waits until somebody of the space has subscribed to the topics at Redis. */
async function joined(url: string, space: string, wanted: string[], sharded = false): Promise<void> {
  const client = await createClient({ url }).connect();
  try {
    await vi.waitFor(async () => {
      const channels = sharded ? await client.pubSubShardChannels() : await client.pubSubChannels();
      for (const topic of wanted) expect(channels.some((name) => name.endsWith(`/${space}/${topic}`))).toBe(true);
    }, patience);
  } finally {
    client.destroy();
  }
}

let redis: RedisProcess;
let cluster: RedisProcess;
beforeAll(async () => {
  redis = await RedisProcess.start();
  cluster = await RedisProcess.start('--cluster-enabled', 'yes', '--requirepass', 'p@ss');
  const client = await createClient({ url: locked(cluster) }).connect();
  await client.clusterAddSlotsRange({ start: 0, end: 16_383 });
  await vi.waitFor(async () => expect(await client.clusterInfo()).toContain('cluster_state:ok'), patience);
  client.destroy();
});
afterAll(async () => {
  await redis.remove();
  await cluster.remove();
});

const locked = ({ port }: RedisProcess): string => `redis://:p%40ss@127.0.0.1:${port}`;

const ends = (url: () => string, sharded: boolean) => async () => {
  const space = `suite${servers}`;
  const [publisher, listener] = [await end(url(), space), await end(url(), space)];
  const arrived = (...wanted: string[]) => joined(url(), space, wanted, sharded);
  return { publisher, listener, whole: true, joined: arrived };
};

busSuite(
  'Redis',
  ends(() => redis.url, false),
);
busSuite(
  'a Redis cluster, by sharded pub/sub',
  ends(() => locked(cluster), true),
);

test('[CLU-2] Redis holds a subscription for a topic as long as this server follows it, and no other', async () => {
  const bus = await end(redis.url, 'few');
  const client = await createClient({ url: redis.url }).connect();
  onTestFinished(() => client.destroy());
  const followed = async () =>
    (await client.pubSubChannels('*few*')).map((channel) => channel.replace(/.*few\//, '')).sort();
  await vi.waitFor(async () => expect(await followed()).toEqual([expect.stringMatching(/^beat/)]));
  const ends = ['a', 'a', 'b'].map((run) => bus.subscribe(topics.run('t', run), () => undefined));
  await vi.waitFor(async () => expect(await followed()).toEqual([expect.any(String), 't/run/a', 't/run/b']));
  ends[0]?.();
  ends[2]?.();
  await vi.waitFor(async () => expect(await followed()).toEqual([expect.any(String), 't/run/a']));
});

test('[CLU-3] a batch over the limit goes without its text', async () => {
  const [one, two] = [await end(redis.url, 'large'), await end(redis.url, 'large')];
  const heard: unknown[] = [];
  two.subscribe(topics.run('t', 'a'), (message) => heard.push(message));
  await joined(redis.url, 'large', [topics.run('t', 'a')]);
  const { text: _, ...bare } = events('a', 1);
  one.publish([{ ...bare, text: `"${'x'.repeat(TEXT_LIMIT)}"` }]);
  await vi.waitFor(() => expect(heard).toEqual([bare]));
});

test('[CLU-4] servers of another database on the same Redis hear nothing of ours', async () => {
  const [ours, theirs] = [await end(redis.url, 'ours'), await end(redis.url, 'theirs')];
  const also = await end(redis.url, 'ours');
  const [heard, foreign] = [[] as number[], [] as number[]];
  also.subscribe(topics.run('t', 'z'), (message) => heard.push(...covered(message)));
  theirs.subscribe(topics.run('t', 'z'), (message) => foreign.push(...covered(message)));
  const client = await createClient({ url: redis.url }).connect();
  onTestFinished(() => client.destroy());
  await vi.waitFor(async () => expect(await client.pubSubChannels('*/t/run/z')).toHaveLength(2), patience);
  ours.publish([events('z', 1)]);
  await vi.waitFor(() => expect(heard).toEqual([1]));
  theirs.publish([events('z', 2)]);
  expect(foreign).toEqual([2]);
  expect(heard).toEqual([1]);
});

test('[CLU-8] when the database begins another epoch, the bus moves along with it', async () => {
  const clock = new SimulatedClock();
  let epoch = 'before';
  const moving = await end(redis.url, () => epoch, clock);
  const later = await end(redis.url, 'after');
  const heard: number[] = [];
  moving.subscribe(topics.run('t', 'm'), (message) => heard.push(...covered(message)));
  epoch = 'after';
  clock.advance(5_000);
  await vi.waitFor(() => {
    clock.advance(100);
    later.publish([events('m', 1)]);
    expect(heard).toContain(1);
  }, patience);
});

describe('when Redis goes away', () => {
  test('[CLU-5] with its memory gone it is found again: followed topics are heard, and wake says that some was missed', async () => {
    const own = await RedisProcess.start();
    onTestFinished(() => own.remove());
    const [one, two] = [await end(own.url, 'gone'), await end(own.url, 'gone')];
    const heard: number[] = [];
    let woken = 0;
    two.subscribe(topics.run('t', 'a'), (message) => heard.push(...covered(message)));
    two.subscribe(topics.wake, () => {
      woken += 1;
    });
    await joined(own.url, 'gone', [topics.run('t', 'a')]);
    await vi.waitFor(() => expect(woken).toBe(1));

    await own.stop();
    await vi.waitFor(() => expect(one.trouble()).toContain('REDIS_URL'), patience);
    const local: number[] = [];
    one.subscribe(topics.run('t', 'a'), (message) => local.push(...covered(message)));
    one.publish([events('a', 1)]);
    expect(local).toEqual([1]);
    expect(counted.get('bus_dropped_total')).toBe(1);
    // What is first followed while Redis is away is followed there when it is back.
    two.subscribe(topics.run('t', 'b'), (message) => heard.push(100 + (covered(message)[0] as number)));

    await own.start();
    await vi.waitFor(() => expect(woken).toBe(2), patience);
    await vi.waitFor(() => expect([one.trouble(), two.trouble()]).toEqual([undefined, undefined]), patience);
    one.publish([events('a', 2), events('b', 2)]);
    await vi.waitFor(() => expect(heard).toEqual([2, 102]), patience);
    expect(local).toEqual([1, 2]);
  });

  test('[CLU-6] a Redis that hangs is noticed by the missing heartbeat, and used again when it answers', async () => {
    const own = await RedisProcess.start();
    onTestFinished(() => own.remove());
    const clock = new SimulatedClock();
    const bus = await end(own.url, 'hung', clock);
    own.signal('SIGSTOP');
    await vi.waitFor(() => {
      clock.advance(5_000);
      expect(bus.trouble()).toContain('did not answer');
    }, patience);
    own.signal('SIGCONT');
    await vi.waitFor(() => {
      clock.advance(500);
      expect(bus.trouble()).toBeUndefined();
    }, patience);
  });

  test('[CLU-5] one that is not there at the start is waited for while the server works', async () => {
    const own = await RedisProcess.start();
    onTestFinished(() => own.remove());
    await own.stop();
    const bus = await end(own.url, 'late');
    expect(bus.trouble()).toContain(`127.0.0.1:${own.port}`);
    expect(bus.trouble()).toContain('ECONNREFUSED');
    await own.start();
    await vi.waitFor(() => expect(bus.trouble()).toBeUndefined(), patience);
  });
});

describe('a Redis that refuses', () => {
  const refusal = async (url: string): Promise<string> => {
    const error = await end(url).then(
      () => undefined,
      (refused: unknown) => refused,
    );
    expect(error).toBeInstanceOf(MillraceError);
    expect((error as MillraceError).code).toBe('config_invalid');
    return (error as MillraceError).message;
  };

  test('[CLU-7] one that wants a password, or another one, or gives no right to publish, is told at the start', async () => {
    const own = await RedisProcess.start('--requirepass', 'right');
    onTestFinished(() => own.remove());
    const at = `127.0.0.1:${own.port}`;
    expect(await refusal(`redis://${at}`)).toContain('REDIS_URL: the Redis that it names wants a password');
    expect(await refusal(`redis://:wrong@${at}`)).toContain('does not accept the user name and password');
    const bus = await end(`redis://:right@${at}`);
    expect(bus.trouble()).toBeUndefined();

    const admin = await createClient({ url: `redis://:right@${at}` }).connect();
    onTestFinished(() => admin.destroy());
    await admin.aclSetUser('mute', ['on', '>pw', '+@all', 'resetchannels']);
    expect(await refusal(`redis://mute:pw@${at}`)).toContain('does not let this user publish and subscribe');
  });

  test('[CLU-7] a replica is told at the start: what is published there reaches nobody else', async () => {
    const own = await RedisProcess.start('--replicaof', '127.0.0.1', String(redis.port));
    onTestFinished(() => own.remove());
    expect(await refusal(own.url)).toContain('read-only replica');
  });

  test('[CLU-7] something else than Redis is trouble in words, not a crash', async () => {
    const http = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void http.close());
    const { port } = http.address() as { port: number };
    const bus = await end(`redis://127.0.0.1:${port}`);
    expect(bus.trouble()).toContain(`127.0.0.1:${port}`);
  });
});
