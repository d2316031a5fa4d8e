import { createHmac } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import type { Config } from './config.ts';

/**
 * Where the other servers of a cluster reach this one: as configured, else where it listens; a server that listens
 * everywhere names its first address that is not loopback's.
 */
export function addressOf({ address, host }: Pick<Config, 'address' | 'host'>, port: number): string {
  if (address !== undefined) return address;
  const everywhere = host === '0.0.0.0' || host === '::';
  const name = everywhere ? (ownAddress() ?? '127.0.0.1') : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/** What the servers of a cluster share and nobody else knows: their secret, else what opens their database. */
export function keyOf({ secret, databaseUrl }: Pick<Config, 'secret' | 'databaseUrl'>): Buffer {
  const { username = '', password = '', pathname = '' } = URL.parse(databaseUrl ?? '') ?? {};
  return createHmac('sha256', secret ?? `${username}:${password}${pathname}`)
    .update('millrace cluster')
    .digest();
}

function ownAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return (all.find(({ family, internal }) => family === 'IPv4' && !internal) ?? all.find(({ internal }) => !internal))
    ?.address;
}
