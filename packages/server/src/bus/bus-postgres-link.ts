import { Socket } from 'node:net';
import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error';
import { Client } from 'pg';
import type { Link } from './tether.ts';

export interface PostgresLink extends Link {
  notify(payload: string): Promise<unknown>;
}

interface Options {
  url: string;
  /** this server's boot */
  server: string;
  clock: Clock;
  heard(payload: string): void;
  lost(error: Error): void;
}

const CHANNEL = 'millrace';
const BEAT = 'beat';
/** ms in which a notification that was committed arrives */
const ARRIVAL_MS = 3_000;

/** A connection that listens, of its own: what it hears comes whenever it is written. */
export async function openPostgresLink({ url, server, clock, heard, lost }: Options): Promise<PostgresLink> {
  const { client, close } = clientOf(url, lost);
  let arrived: () => void = () => undefined;
  const arrival = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    arrived = resolve;
    return promise;
  };
  client.on('notification', ({ payload = '' }) => {
    if (!payload.startsWith(BEAT)) heard(payload);
    else if (payload === BEAT + server) arrived();
  });
  try {
    await client.connect();
    await client.query(`LISTEN ${CHANNEL}`);
    const heardAnother = arrival();
    await notifyByAnother(url, BEAT + server);
    await inTime(clock, heardAnother);
  } catch (error) {
    close();
    throw error;
  }
  return {
    notify: (payload) => notifyBy(client, payload),
    async beat() {
      const back = arrival();
      await notifyBy(client, BEAT + server);
      await back;
    },
    close,
  };
}

function clientOf(url: string, lost: (error: Error) => void): { client: Client; close(): void } {
  const socket = new Socket();
  const client = new Client({ connectionString: url, application_name: 'millrace bus', stream: () => socket });
  client.on('error', lost);
  client.on('end', () => lost(new Error('Postgres ended the connection.')));
  return {
    client,
    close() {
      client.end().catch(() => undefined);
      // One that hangs would keep the socket, and with it the process, for a long time.
      socket.destroySoon();
    },
  };
}

const notifyBy = (client: Client, payload: string) => client.query('SELECT pg_notify($1, $2)', [CHANNEL, payload]);

/** A connection hears its own notifications even through a pooler that forgets it between two statements. */
async function notifyByAnother(url: string, payload: string): Promise<void> {
  const { client, close } = clientOf(url, () => undefined);
  try {
    await client.connect();
    await notifyBy(client, payload);
  } finally {
    close();
  }
}

async function inTime(clock: Clock, arrival: Promise<void>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancel = clock.after(ARRIVAL_MS, () =>
    reject(
      new MillraceError('config_invalid', {
        detail:
          'DATABASE_URL leads to a pooler that loses what LISTEN should hear, such as pgbouncer in transaction mode. ' +
          'Set REDIS_URL, by which the servers tell each other what is new, or let DATABASE_URL name Postgres itself.',
        facts: { name: 'DATABASE_URL' },
      }),
    ),
  );
  try {
    await Promise.race([arrival, late]);
  } finally {
    cancel();
  }
}
