import { systemClock } from './clock.ts';
import { serveTabs } from './tabs/serve-tabs.ts';
import { nativePlatform, type Opener } from './transport.ts';
import { openPolling } from './transport-polling.ts';
import { openSse } from './transport-sse.ts';
import { openWebSocket } from './transport-websocket.ts';

/** The script of the worker that all tabs of a browser share: whatever it may need is in it from the start. */
const opener: Opener = async (kind) => {
  if (kind === 'websocket') return openWebSocket;
  return kind === 'sse' ? openSse : openPolling;
};

const serve = serveTabs(nativePlatform(systemClock), opener);

globalThis.addEventListener('connect', (event) => {
  for (const port of (event as MessageEvent).ports) serve(port);
});
