import { createServer, type Server as HttpServer, type IncomingMessage, ServerResponse } from 'node:http';
import { MillraceError } from '@millrace/protocol';
import { pino } from 'pino';
import { byOf } from '../../packages/server/src/auth/auth.ts';
import { createGate } from '../../packages/server/src/auth/gate.ts';
import { createScopedAuth } from '../../packages/server/src/auth/scoped.ts';
import type { Bus } from '../../packages/server/src/bus/bus.ts';
import { createEngine } from '../../packages/server/src/engine/engine.ts';
import type { Engine } from '../../packages/server/src/engine/face.ts';
import { defaultTimings } from '../../packages/server/src/engine/timings.ts';
import { StoreFiles } from '../../packages/server/src/files/files-store.ts';
import { createApp, upgrade } from '../../packages/server/src/http/app.ts';
import type { Parts } from '../../packages/server/src/http/parts.ts';
import { StoreCheck } from '../../packages/server/src/http/store-check.ts';
import type { Hub } from '../../packages/server/src/hub/face.ts';
import { createHub } from '../../packages/server/src/hub/hub.ts';
import { noMetrics } from '../../packages/server/src/metrics/metrics.ts';
import { Scheduler } from '../../packages/server/src/scheduler/scheduler.ts';
import type { Store } from '../../packages/server/src/store/store.ts';
import { createWebSocketHandler } from '../../packages/server/src/transport/websocket.ts';
import type { Dice } from '../chaos/dice.ts';
import { type Distance, distantStore } from './distant-store.ts';
import { readableAuth } from './tokens.ts';
import type { Traffic, WorldClock } from './world-clock.ts';

/** One boot of a server. */
export interface Mill {
  readonly boot: string;
  readonly engine: Engine;
  readonly hub: Hub;
  readonly http: HttpServer;
  readonly files: StoreFiles;
  /** rejects when this boot is over: what was asked of it gets no answer any more */
  readonly gone: Promise<never>;
  /** Says goodbye, lets what was begun end, and ends. */
  stop(): Promise<void>;
  /** Ends at once: nothing that was begun goes on, and nobody is told. */
  crash(): void;
}

export interface MillSetup {
  boot: string;
  store: Store;
  bus: Bus;
  clock: WorldClock;
  dice: Dice;
  distance: Distance;
  traffic: Traffic;
  newId: () => string;
}

/** Puts a server together as the composition root does, on a store, a bus and connections that the world holds. */
export async function startMill(setup: MillSetup): Promise<Mill> {
  const { boot, bus, dice, distance, traffic, newId } = setup;
  let alive = true;
  let end = (_error: Error) => {};
  const gone = new Promise<never>((_, reject) => {
    end = reject;
  });
  gone.catch(() => {});
  const clock = setup.clock.of(() => alive, dice.between(-300, 300));
  const metrics = noMetrics;
  const store = distantStore(setup.store, {
    ...{ alive: () => alive, distance, dice, traffic },
    failure: () => new MillraceError('storage_unavailable'),
  });
  const files = new StoreFiles(store);
  const auth = createScopedAuth(readableAuth(clock), store, clock, newId);
  const engine = createEngine({ store, bus, files, clock, metrics, server: boot, newId });
  const scheduler = new Scheduler({ store, engine, clock, metrics, boot, lease: defaultTimings.lease });
  const hub = createHub({
    ...{ store, bus, clock, metrics, auth, server: boot },
    submit: (principal, run, command, about) =>
      engine.command({ tenant: principal.tenant, by: byOf(principal) }, run, command, about),
  });
  const gate = createGate({ listen: '127.0.0.1', secured: true, hosts: [], origins: ['*'] });
  const parts: Parts = {
    ...{ engine, store, files, hub, auth, gate, clock, metrics, boot, version: '0.0.0' },
    log: pino({ level: 'silent' }),
    schedules: scheduler.schedules,
    ready: () => true,
    storeCheck: new StoreCheck(store, clock),
    hintsTrouble: () => undefined,
    exposition: async () => ({ type: 'text/plain', text: '' }),
    sockets: [createWebSocketHandler({ hub, auth, clock, gate })],
    ...{ tokenless: false, publishers: false, publish: () => Promise.reject(new MillraceError('not_found')) },
    ingest: async () => undefined,
    search: async () => ({ chunks: [], searched: 0, unsearched: 0 }),
    console: undefined,
    bodyLimit: 1024 * 1024,
    proxies: [],
    rateLimit: 1_000_000_000,
  };
  const app = await createApp(parts);
  const http = createServer({ ServerResponse: TimelessResponse }, (request, response) =>
    app.routing(request, response),
  );
  http.on('upgrade', upgrade(parts));
  scheduler.start();
  const over = () => {
    alive = false;
    end(new MillraceError('unreachable'));
  };
  return {
    ...{ boot, engine, hub, http, files, gone },
    async stop() {
      hub.stop('the server is shutting down');
      await Promise.race([Promise.all([scheduler.stop(), engine.stop()]), gone]).catch(() => {});
      over();
    },
    crash: over,
  };
}

/** Without the headers that the wall clock writes: the same world sends the same number of bytes every time. */
class TimelessResponse<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {
  override writeHead(status: number, ...rest: never[]): this {
    const headers = rest.at(-1) as Record<string, unknown> | undefined;
    for (const name in headers) if (name.startsWith('x-ratelimit')) delete headers[name];
    return super.writeHead(status, ...rest);
  }
}
