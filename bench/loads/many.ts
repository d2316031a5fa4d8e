// A thousand logs with one subscriber each. The events are made inside the server's process, so that its CPU time is
// that of making, keeping and delivering them, and of nothing else.
import { contend } from '../harness/contender.ts';
import type { FeedRequest } from '../harness/feed.ts';
import { LogReader } from '../harness/log-reader.ts';
import { openWire, type WireRequest } from '../harness/wire.ts';

export interface ManyRequest extends WireRequest {
  /** events a second of all logs together, in the first part */
  rate: number;
  /** of each part */
  seconds: number;
}

await contend<ManyRequest>(async (request, onClose) => {
  const { runs, rate, seconds } = request;
  const wire = await openWire({ ...request, embedded: true }, onClose);
  const [server] = wire.servers;
  if (!wire.feed || !server) throw new Error(`${request.wire} cannot be fed.`);
  let arrived = 0;
  let wanted = 0;
  let done = () => {};
  for (let run = 0; run < runs; run++) {
    const reader = new LogReader(() => {
      arrived += 1;
      if (arrived === wanted) done();
    });
    const follower = await wire.follow(run, reader);
    onClose(() => follower.close());
  }
  const make = async (asked: FeedRequest, events: number): Promise<void> => {
    wanted = arrived + events;
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    await Promise.all([wire.feed?.(asked), all]);
  };
  /** µs of the server's CPU for each event that the part makes */
  const costOf = async (part: () => Promise<void>): Promise<number> => {
    const before = await server.gauge();
    const first = arrived;
    await part();
    const after = await server.gauge();
    return (after.cpu.before - before.cpu.after) / (arrived - first);
  };
  const steady = (seconds: number) => make({ rate, seconds }, Math.round(rate * seconds));
  const waves = async (seconds: number) => {
    for (const ends = performance.now() + seconds * 1_000; performance.now() < ends; )
      await make({ events: runs }, runs);
  };
  await steady(Math.min(1, seconds / 2));
  const cpu = await costOf(() => steady(seconds));
  const wave = await costOf(() => waves(seconds));
  return { settings: wire.settings, figures: { cpu, wave, events: arrived } };
});
