import { MillraceError } from '@millrace/protocol/error';
import { createClient, createCluster, ErrorReply, type RedisClientOptions } from 'redis';
import type { Link } from './tether.ts';

/** What the bus asks of Redis, which may be one server or a cluster. */
export interface RedisLink extends Link {
  publish(channel: string, payload: string): Promise<unknown>;
  /** Resolves when Redis has taken the subscriptions. */
  subscribe(channels: readonly string[]): Promise<unknown>;
  unsubscribe(channels: readonly string[]): Promise<unknown>;
}

interface Options {
  url: string;
  /** this server's own channel, for heartbeats */
  beat: string;
  heard(payload: string, channel: string): void;
  lost(error: Error): void;
}

type Raw = Omit<RedisLink, 'beat'>;

/**
 * Two connections, since one that subscribes can publish nothing in older protocols, and no queue while they are
 * down: what cannot be sent now is not worth sending later. In a cluster messages go by sharded pub/sub, so that a
 * message passes through the one node that holds its channel instead of all of them.
 */
export async function openRedisLink(options: Options): Promise<RedisLink> {
  const beats: (() => void)[] = [];
  const heard = (payload: string, channel: string) => {
    if (channel !== options.beat) return options.heard(payload, channel);
    for (const done of beats.splice(0)) done();
  };
  const raw = await openRaw(options, heard);
  try {
    await raw.subscribe([options.beat]);
  } catch (error) {
    raw.close();
    throw refusalOf(error);
  }
  return {
    ...raw,
    async beat() {
      const { promise, resolve } = Promise.withResolvers<void>();
      beats.push(resolve);
      await raw.publish(options.beat, '');
      await promise;
    },
  };
}

async function openRaw({ url, lost }: Options, heard: (payload: string, channel: string) => void): Promise<Raw> {
  const settings = {
    url,
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    socket: { reconnectStrategy: false },
  } as const satisfies RedisClientOptions;
  const publisher = createClient(settings).on('error', lost);
  const subscriber = createClient(settings).on('error', lost);
  const close = () => {
    publisher.destroy();
    subscriber.destroy();
  };
  try {
    await publisher.connect();
    const { mode, role } = await publisher.hello();
    if (role === 'replica') throw refused('is a read-only replica. Give the address of its primary');
    if (mode === 'cluster') {
      close();
      return await openCluster(url, heard);
    }
    await subscriber.connect();
  } catch (error) {
    close();
    throw refusalOf(error);
  }
  return {
    publish: (channel, payload) => publisher.publish(channel, payload),
    subscribe: (channels) => subscriber.subscribe([...channels], heard),
    unsubscribe: (channels) => subscriber.unsubscribe([...channels]),
    close,
  };
}

async function openCluster(url: string, heard: (payload: string, channel: string) => void): Promise<Raw> {
  // The nodes' connections come back by themselves; whether messages pass is seen by the heartbeat.
  const { protocol, username, password } = new URL(url);
  const cluster = createCluster({
    rootNodes: [{ url }],
    // Of the nodes that it is told of it knows nothing but where they are.
    defaults: {
      disableOfflineQueue: true,
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' ? { socket: { tls: true } } : {}),
    },
  });
  cluster.on('error', () => undefined);
  await cluster.connect();
  return {
    publish: (channel, payload) => cluster.sPublish(channel, payload),
    subscribe: (channels) => Promise.all(channels.map((channel) => cluster.sSubscribe(channel, heard))),
    unsubscribe: (channels) => Promise.all(channels.map((channel) => cluster.sUnsubscribe(channel))),
    close: () => cluster.destroy(),
  };
}

/** What Redis itself says no to stays so until a setting is changed; what it says while it starts does not. */
function refusalOf(error: unknown): unknown {
  if (!(error instanceof ErrorReply)) return error;
  const { message } = error;
  if (/^(NOAUTH|ERR AUTH)|NOAUTH/.test(message)) return refused('wants a password: redis://:PASSWORD@HOST:PORT', error);
  if (/^WRONGPASS/.test(message)) return refused('does not accept the user name and password in it', error);
  if (/^NOPERM/.test(message)) return refused(`does not let this user publish and subscribe (${message})`, error);
  return error;
}

function refused(what: string, cause?: Error): MillraceError {
  return new MillraceError('config_invalid', {
    detail: `REDIS_URL: the Redis that it names ${what}.`,
    facts: { name: 'REDIS_URL' },
    ...(cause ? { cause } : {}),
  });
}
