// One hot log to many subscribers: first few events a second (how soon each arrives), then as many as go through with
// a fixed number of them on their way.
import { contend } from '../harness/contender.ts';
import { Crowd } from '../harness/crowd.ts';
import { openWire, type WireRequest } from '../harness/wire.ts';

export interface HundredRequest extends WireRequest {
  subscribers: number;
  /** of both parts */
  seconds: number;
  /** events a second of the first part */
  calm: number;
  seed: number;
}

await contend<HundredRequest>(async (request, onClose) => {
  const wire = await openWire(request, onClose);
  const crowd = await Crowd.gather(wire, request.subscribers, onClose);
  const calm = await crowd.offer({ rate: request.calm, seconds: request.seconds, seed: request.seed });
  const hot = await crowd.saturate(request.seconds);
  return {
    settings: wire.settings,
    figures: {
      ...{ calm50: calm.p50, calm99: calm.p99, deliveries: hot.deliveries, p50: hot.p50, p99: hot.p99 },
      ...{ serverCpu: hot.serverCpu, loadCpu: hot.loadCpu, events: crowd.events },
    },
  };
});
