// One reader of a fast log stops reading for a while: what the server holds for it meanwhile, what the others notice,
// and whether it has everything once it reads again.
import { contend } from '../harness/contender.ts';
import { Crowd } from '../harness/crowd.ts';
import { LogReader } from '../harness/log-reader.ts';
import { openWire, type WireRequest } from '../harness/wire.ts';

export interface StalledRequest extends WireRequest {
  /** readers beside the one that stops */
  others: number;
  /** bytes a second that each reader gets, in events of so many bytes */
  bytesPerSecond: number;
  eventBytes: number;
  seconds: number;
  /** s of the same load before the measurement, so that memory has grown to what the load itself needs */
  settle: number;
  /** false: it reads on, and the rest is the same */
  stalls: boolean;
}

/** ms between two looks at the server's memory */
const LOOK = 250;
/** ms that the reader may take to catch up, for each second that it was away */
const CATCH_UP = 1_000;

await contend<StalledRequest>(async (request, onClose) => {
  const { others, bytesPerSecond, eventBytes: bytes, seconds, settle, stalls } = request;
  const rate = bytesPerSecond / bytes;
  const wire = await openWire(request, onClose);
  const [server] = wire.servers;
  if (!server) throw new Error('There is no server.');
  const crowd = await Crowd.gather(wire, others, onClose);
  let got = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let caughtUp = () => {};
  const sleeper = await wire.follow(
    0,
    new LogReader(() => {
      got += 1;
      if (got >= wanted) caughtUp();
    }),
  );
  onClose(() => sleeper.close());

  await crowd.offer({ rate, seconds: settle, bytes });
  const before = await server.gauge();
  if (stalls) sleeper.pause();
  let most = 0;
  const looking = setInterval(() => {
    most = Math.max(most, server.rss);
  }, LOOK);
  const found = await crowd.offer({ rate, seconds, bytes });
  clearInterval(looking);
  const after = await server.gauge();

  const missing = crowd.events - got;
  const woke = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const late = setTimeout(
    () => reject(new Error(`It had ${got} of ${crowd.events} events.`)),
    CATCH_UP * seconds + 5_000,
  );
  wanted = crowd.events;
  caughtUp = resolve;
  if (missing > 0) sleeper.resume();
  else resolve();
  await promise;
  clearTimeout(late);
  const megabytes = (bytes: number) => bytes / 2 ** 20;
  return {
    settings: wire.settings,
    figures: {
      ...{ p50: found.p50, p99: found.p99, serverCpu: found.serverCpu, loadCpu: found.loadCpu },
      grown: megabytes(after.rss - before.rss),
      peak: megabytes(most - before.rss),
      held: megabytes(after.held - before.held),
      ...{ missing, caughtUp: performance.now() - woke, events: crowd.events },
    },
  };
});
