// Followers of one run on two servers that share a database: how soon an event reaches those on the server that it was
// appended through, and those on the other.
import { contend } from '../harness/contender.ts';
import { Histogram } from '../harness/histogram.ts';
import { LogReader } from '../harness/log-reader.ts';
import { seeded } from '../harness/statistics.ts';
import { openWire, type WireRequest } from '../harness/wire.ts';

export interface AcrossRequest extends WireRequest {
  /** on each server */
  followers: number;
  /** events a second, one by one at chance times */
  rate: number;
  events: number;
  seed: number;
}

/** events that come first and do not count */
const WARM = 0.2;
/** ms that the last event may take to be everywhere */
const PATIENCE = 30_000;

await contend<AcrossRequest>(async (request, onClose) => {
  const { followers, rate, events, seed } = request;
  const wire = await openWire({ ...request, servers: 2 }, onClose);
  const total = Math.ceil(events * (1 + WARM));
  const offered = new Float64Array(total);
  const sides = [new Histogram(), new Histogram()] as const;
  const { promise: arrived, resolve, reject } = Promise.withResolvers<void>();
  let left = total * followers * 2;
  for (let place = 0; place < followers * 2; place++) {
    // Connections go to the servers in turn; events are written through the first.
    const histogram = sides[place % 2] as Histogram;
    const reader = new LogReader((n, now) => {
      if (n >= total - events) histogram.add(now - (offered[n] as number));
      left -= 1;
      if (left === 0) resolve();
    });
    const follower = await wire.follow(0, reader);
    onClose(() => follower.close());
  }
  const chance = seeded(seed);
  let due = performance.now();
  for (let n = 0; n < total; n++) {
    due += (-Math.log(1 - chance()) * 1_000) / rate;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((after) => setTimeout(after, wait));
    offered[n] = performance.now();
    wire.publish(0, n, 1).catch(reject);
  }
  const late = setTimeout(
    () => reject(new Error(`${left} deliveries were still missing after ${PATIENCE} ms.`)),
    PATIENCE,
  );
  await arrived.finally(() => clearTimeout(late));
  const [same, other] = sides;
  return {
    settings: wire.settings,
    figures: {
      ...{ same50: same.quantile(0.5), same99: same.quantile(0.99) },
      ...{ other50: other.quantile(0.5), other99: other.quantile(0.99) },
    },
  };
});
