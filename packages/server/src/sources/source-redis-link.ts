import { createClient, type RedisClientOptions } from 'redis';

/** One stream for all jobs, so that one reader sees a publisher's messages in its order. */
export const JOBS_STREAM = 'millrace:jobs';
export const EVENT_CHANNELS = 'job:event:*';
const GROUP = 'millrace';
/** Only one server reads at a time, so all of them are one consumer: what one did not finish, the next finds. */
const CONSUMER = 'reader';
const LEASE_KEY = 'millrace:jobs:reader';
/** ms that a read waits for the first entry */
const WAIT_MS = 1_000;
const COUNT = 500;

export interface Entry {
  id: string;
  /** what was published; undefined = the entry is none of a publisher's */
  text: string | undefined;
}

/** What the source asks of Redis. Every call rejects while Redis is away. */
export interface JobsLink {
  /** Takes the reader's lease or keeps it, for `ms`; false = another server has it. */
  hold(ms: number): Promise<boolean>;
  /** Gives the lease back, where this server has it. */
  release(): Promise<void>;
  /** Entries that were read and not finished, or new ones, waiting for them a little. */
  read(what: 'unfinished' | 'new'): Promise<Entry[]>;
  finish(ids: readonly string[]): Promise<void>;
  publish(channel: string, text: string): Promise<void>;
  /** Hears what is published on {@link EVENT_CHANNELS}, until it is called with undefined. */
  listen(heard: ((text: string, channel: string) => void) | undefined): Promise<void>;
  close(): void;
}

const KEEP = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0`;
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

/** Connects; rejects where that fails. `server`: this server's boot. `lost` is told when a connection breaks. */
export async function openJobsLink(url: string, server: string, lost: (error: Error) => void): Promise<JobsLink> {
  const settings = {
    url,
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    socket: { reconnectStrategy: false },
  } as const satisfies RedisClientOptions;
  // A read that waits holds its connection, and one that listens can do little else.
  const clients = [createClient(settings), createClient(settings), createClient(settings)] as const;
  const [commands, reader, listener] = clients;
  const close = () => {
    for (const client of clients) client.destroy();
  };
  try {
    for (const client of clients) await client.on('error', lost).connect();
    await commands.xGroupCreate(JOBS_STREAM, GROUP, '0', { MKSTREAM: true }).catch((error: Error) => {
      if (!error.message.startsWith('BUSYGROUP')) throw error;
    });
  } catch (error) {
    close();
    throw error;
  }
  const evaluate = (script: string, ...args: string[]) =>
    commands.eval(script, { keys: [LEASE_KEY], arguments: [server, ...args] });
  return {
    hold: async (ms) => (await evaluate(KEEP, String(ms))) === 1,
    release: async () => void (await evaluate(RELEASE)),
    async read(what) {
      const [id, wait] = what === 'new' ? (['>', { BLOCK: WAIT_MS }] as const) : (['0', {}] as const);
      const streams = await reader.xReadGroup(GROUP, CONSUMER, { key: JOBS_STREAM, id }, { COUNT, ...wait });
      const [stream] = (streams ?? []) as { messages: { id: string; message: Record<string, string> | null }[] }[];
      // An entry that was cut off before it was finished has no fields any more.
      return (stream?.messages ?? []).map((entry) => ({ id: entry.id, text: entry.message?.message }));
    },
    finish: async (ids) => void (await commands.xAck(JOBS_STREAM, GROUP, [...ids])),
    publish: async (channel, text) => void (await commands.publish(channel, text)),
    async listen(heard) {
      await listener.pUnsubscribe();
      if (heard) await listener.pSubscribe(EVENT_CHANNELS, heard);
    },
    close,
  };
}
