// Many connections on one server, on which nothing happens: what each costs in the server's resident memory.
import { contend } from '../harness/contender.ts';
import { inTurns } from '../harness/in-turns.ts';
import { LogReader } from '../harness/log-reader.ts';
import { type Follower, openWire, type WireRequest } from '../harness/wire.ts';

export interface ConnectionsRequest extends WireRequest {
  connections: number;
  /** connections that were there before and are gone, so that what a server makes once does not count */
  before: number;
}

await contend<ConnectionsRequest>(async (request, onClose) => {
  const { runs, connections, before } = request;
  const wire = await openWire(request, onClose);
  const [server] = wire.servers;
  if (!server) throw new Error('There is no server.');
  const held: Follower[] = [];
  onClose(() => held.map((follower) => follower.close()));
  const open = (count: number, one: (place: number) => Promise<Follower>) =>
    inTurns(count, async (place) => {
      held.push(await one(place));
    });
  const follow = (place: number) => wire.follow(place % runs, new LogReader(() => {}));

  await open(before, follow);
  for (const follower of held.splice(0)) follower.close();
  const empty = await server.gauge();
  const began = performance.now();
  await open(connections, follow);
  const ms = performance.now() - began;
  const full = await server.gauge();
  const kilobytes = (full.rss - empty.rss) / connections / 1024;
  const held1 = (full.held - empty.held) / connections / 1024;
  return {
    settings: wire.settings,
    figures: { kilobytes, held: held1, rss: full.rss / 2 ** 20, perSecond: (connections * 1_000) / ms, connections },
  };
});
