// One log to a thousand subscribers: the highest steady rate of events that it sustains, by search.
import { contend } from '../harness/contender.ts';
import { Crowd, type Measured, SUSTAINED_MS } from '../harness/crowd.ts';
import { openWire, type WireRequest } from '../harness/wire.ts';

export interface ThousandRequest extends WireRequest {
  subscribers: number;
  /** of every rate that is tried */
  seconds: number;
  /** rates that are tried at most, until one is sustained and one is not */
  tries: number;
  /** a rate that is tried beside the search, in events a second */
  also?: number;
}

const STEP = 1.2;
/** rates that are tried between one that is sustained and one that is not */
const HALVES = 2;

await contend<ThousandRequest>(async (request, onClose) => {
  const { subscribers, seconds, tries, also } = request;
  const wire = await openWire(request, onClose);
  const crowd = await Crowd.gather(wire, subscribers, onClose);
  const { rate: start } = await crowd.saturate(seconds / 2);
  const best = await search(crowd, start, seconds, tries);
  const there = also === undefined ? undefined : await crowd.offer({ rate: also, seconds });
  return {
    settings: wire.settings,
    figures: {
      // Where no rate is sustained there is none to show.
      ...(best && { rate: best.rate, p50: best.p50, p99: best.p99, serverCpu: best.serverCpu, loadCpu: best.loadCpu }),
      ...(there ? { also: also as number, also50: there.p50, also99: there.p99, alsoTail: there.tail } : {}),
      events: crowd.events,
    },
  };
});

/** From what went through at most, up while it is sustained or down until it is; then nearer to the edge by halves. */
async function search(crowd: Crowd, start: number, seconds: number, tries: number): Promise<Measured | undefined> {
  let best: Measured | undefined;
  let over = Number.POSITIVE_INFINITY;
  const attempt = async (rate: number) => {
    const found = await crowd.offer({ rate, seconds });
    if (found.p99 <= SUSTAINED_MS && found.tail <= SUSTAINED_MS) best = found;
    else over = Math.min(over, rate);
  };
  for (let tried = 0; tried < tries && !(best && Number.isFinite(over)); tried++) {
    await attempt(best ? best.rate * STEP : Number.isFinite(over) ? over / STEP : start);
  }
  if (!best) return undefined;
  for (let half = 0; half < HALVES; half++) await attempt(Math.sqrt(best.rate * Math.min(over, best.rate * STEP)));
  return best;
}
