import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** How the servers of one cluster find each other's connections. */
export interface Cluster {
  /** where the others reach this server, e.g. `http://10.0.0.5:4600` */
  address: string;
  /** the same for all; whoever has it can make a server ask any address */
  key: Buffer;
}

/** Ids of engine.io's connections. In a cluster they name their owner, signed, so that no one else can name one. */
export class OwnedSids {
  readonly #cluster: Cluster | undefined;

  constructor(cluster: Cluster | undefined) {
    this.#cluster = cluster;
  }

  next(): string {
    const id = randomBytes(15).toString('base64url');
    if (!this.#cluster) return id;
    const named = `${id}.${Buffer.from(this.#cluster.address).toString('base64url')}`;
    return `${named}.${signature(this.#cluster.key, named)}`;
  }

  /** The address of another server; undefined = the id is ours, or nobody's. */
  foreignOwner(sid: string): URL | undefined {
    if (!this.#cluster || sid.length > LIMIT) return undefined;
    const [id, place, signed, ...rest] = sid.split('.');
    if (id === undefined || place === undefined || signed === undefined || rest.length > 0) return undefined;
    const expected = Buffer.from(signature(this.#cluster.key, `${id}.${place}`));
    const given = Buffer.from(signed);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const address = Buffer.from(place, 'base64url').toString();
    return address === this.#cluster.address ? undefined : (URL.parse(address) ?? undefined);
  }
}

/** characters of an id that is read */
const LIMIT = 500;

function signature(key: Buffer, text: string): string {
  return createHmac('sha256', key).update('sid').update(text).digest('base64url').slice(0, 22);
}
