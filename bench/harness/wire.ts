import type { FeedRequest } from './feed.ts';
import type { LogReader } from './log-reader.ts';
import type { OnClose, ServerProcess } from './server-process.ts';

export interface WireRequest {
  /** path of the contender's wire from bench/; it exports `openWire` */
  wire: string;
  /** separate logs: runs, rooms, streams */
  runs: number;
  /** servers that share the work, default 1; events are written through the first */
  servers?: number;
  /** of Millrace on several servers: what carries hints between them; default Redis */
  bus?: 'redis' | 'postgres';
  /** of Socket.IO */
  adapter?: 'redis' | 'redis-streams';
  /** events are made in the server's own process, see `feed` */
  embedded?: boolean;
  /** clients will go and come back; of Socket.IO, which has to be told */
  recovery?: boolean;
}

/** A contender as the loads know it: a server in its own process, how events get in, and how its bytes are read. */
export interface Wire {
  settings: string;
  /** what counts as the server. A database, Redis or the like beside it does not, in nobody's favour but the peers'. */
  servers: ServerLike[];
  /** Writes `count` events numbered from `n`; resolves when the server has acknowledged them. */
  publish(run: number, n: number, count: number, bytes?: number): Promise<unknown>;
  /** Hands every event after `place` (default: the log's head) to the reader; resolves once the server follows. */
  follow(run: number, reader: LogReader, place?: Place): Promise<Follower>;
  /** How far a log has got. Missing where the server keeps nothing. */
  head?(run: number): Promise<Place>;
  /** Where it was opened `embedded`: makes events inside the server's process, each in the next of its logs. */
  feed?(request: FeedRequest): Promise<number>;
}

/** A process that can be measured from outside. */
export type ServerLike = Pick<ServerProcess, 'pid' | 'rss' | 'cpu' | 'gauge'>;

export interface Place {
  /** the seq that comes next */
  next: number;
  cursor: string;
}

export interface Follower {
  /** Where it stands, of a server that lets only those come back who were there. */
  place?(): Place;
  pause(): void;
  resume(): void;
  close(): void;
}

export type OpenWire = (request: WireRequest, onClose: OnClose) => Promise<Wire>;

export async function openWire(request: WireRequest, onClose: OnClose): Promise<Wire> {
  const module = (await import(new URL(`../${request.wire}`, import.meta.url).href)) as { openWire: OpenWire };
  return module.openWire(request, onClose);
}
