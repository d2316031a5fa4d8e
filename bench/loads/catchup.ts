// Many clients come back at once, after the same events: how long until all of them have everything.
import { contend } from '../harness/contender.ts';
import { inTurns } from '../harness/in-turns.ts';
import { LogReader } from '../harness/log-reader.ts';
import { openWire, type Place, type WireRequest } from '../harness/wire.ts';

export interface CatchupRequest extends WireRequest {
  clients: number;
  /** that each of them missed */
  events: number;
}

/** clients that are connecting at one time: more than a listening socket's queue holds would wait for a second */
const ARRIVING = 256;
/** events of one request */
const BATCH = 500;
/** of the log before what was missed, as a multiple of it */
const BEFORE = 1;

await contend<CatchupRequest>(async (request, onClose) => {
  const { clients, events } = request;
  const wire = await openWire({ ...request, recovery: true }, onClose);
  let written = 0;
  const write = async (count: number) => {
    for (const end = written + count; written < end; ) {
      const size = Math.min(BATCH, end - written);
      await wire.publish(0, written, size);
      written += size;
    }
  };
  await write(BEFORE * events);
  const places = await leave();
  await write(events);

  const began = performance.now();
  let taken = 0;
  let last = began;
  const everything = Promise.withResolvers<void>();
  const back = inTurns(
    clients,
    async (client) => {
      const reader = new LogReader((_n, now) => {
        taken += 1;
        last = now;
        if (taken === clients * events) everything.resolve();
      });
      const follower = await wire.follow(0, reader, places[client]);
      onClose(() => follower.close());
    },
    ARRIVING,
  );
  await Promise.all([everything.promise, back]);
  return {
    settings: wire.settings,
    figures: { ms: last - began, perSecond: (taken * 1_000) / (last - began), events: taken },
  };

  /** Where each client stood when it went. Some peers know only those who were there. */
  async function leave(): Promise<Place[]> {
    const { head } = wire;
    if (head) {
      const place = await head.call(wire, 0);
      return Array.from({ length: clients }, () => place);
    }
    let heard = 0;
    const { promise: allHeard, resolve } = Promise.withResolvers<void>();
    const followers = [];
    for (let client = 0; client < clients; client++) {
      const reader = new LogReader((n) => {
        if (n === BEFORE * events) heard += 1;
        if (heard === clients) resolve();
      });
      followers.push(await wire.follow(0, reader));
    }
    await write(1);
    await allHeard;
    return followers.map((follower) => {
      const place = follower.place?.();
      if (!place) throw new Error(`${request.wire} lets nobody come back.`);
      follower.close();
      return place;
    });
  }
});
