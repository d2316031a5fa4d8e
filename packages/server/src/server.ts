import { existsSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Clock, WorkerLink } from '@millrace/protocol';
import { pino } from 'pino';
import { uuidv7 } from 'uuidv7';
import packageJson from '../package.json' with { type: 'json' };
import { byOf, type Role, type Scope, spendOf } from './auth/auth.ts';
import { DEFAULT_TENANT } from './auth/auth-jwt.ts';
import { createGate } from './auth/gate.ts';
import { createScopedAuth } from './auth/scoped.ts';
import { type Bus, topics } from './bus/bus.ts';
import { systemClock } from './clock.ts';
import { addressOf, keyOf } from './cluster-place.ts';
import { type Config, type ConfigOverrides, readConfig } from './config.ts';
import { channelsNamespace } from './dialects/channels.ts';
import { executionsNamespace } from './dialects/executions.ts';
import { runSocketService } from './dialects/run-socket.ts';
import { openAuth, openBus, openFiles, openRedisSource, openStore } from './drivers.ts';
import { createEngine } from './engine/engine.ts';
import type { Engine } from './engine/face.ts';
import { createLocalLink } from './engine/local-link.ts';
import { createApp, upgrade } from './http/app.ts';
import { Listeners } from './http/listeners.ts';
import type { Parts } from './http/parts.ts';
import { StoreCheck } from './http/store-check.ts';
import { createHub } from './hub/hub.ts';
import { KnowledgeSearch } from './ingest/knowledge-search.ts';
import { ShippedIngest } from './ingest/shipped-ingest.ts';
import type { Metrics } from './metrics/metrics.ts';
import { PromMetrics } from './metrics/metrics-prom.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import { JobIntake } from './sources/job-intake.ts';
import { readPublication } from './sources/publication.ts';
import type { Source } from './sources/source.ts';
import { createReport, type WarnLog } from './sources/source-report.ts';
import type { Store } from './store/store.ts';
import { createSocketServer } from './transport/socket-server.ts';
import { createSocketIo } from './transport/socketio.ts';
import { createWebSocketHandler } from './transport/websocket.ts';

/** ms for closing; what Kubernetes gives by default is 30 s */
const CLOSE_LIMIT_MS = 25_000;
/** seconds over which reconnecting clients are spread at most */
const SPREAD_LIMIT = 10;

export const version = packageJson.version;

/** Settings that stand before the environment's, and what only code can say. */
export interface ServerOptions extends ConfigOverrides {
  /** default: process.env */
  env?: Record<string, string | undefined>;
  /** default: the system's */
  clock?: Clock;
  /** folder of a built console; default: Millrace's own */
  console?: string;
  /** SIGTERM and SIGINT close the server, and then end the process, at the latest after 25 s; a second one ends it at once */
  signals?: boolean;
  instrument?: Instrument;
}

/**
 * Wraps parts as they are made, for who has to see or to break what passes between them: a test that kills the process
 * at a named point, a trace, a proxy that counts. What it answers stands in the part's place and must keep its contract.
 */
export interface Instrument {
  store?(store: Store): Store;
  bus?(bus: Bus): Bus;
  /** of a worker in this process; over HTTP whoever makes the worker hands it a link */
  link?(link: WorkerLink): WorkerLink;
}

export interface TokenClaims {
  sub: string;
  tenant?: string;
  roles?: readonly Role[];
  scopes?: readonly Scope[];
}

/** A server that listens. */
export interface Server {
  /** address of the first port */
  readonly url: string;
  readonly ports: readonly number[];
  readonly config: Config;
  readonly engine: Engine;
  readonly store: Store;
  readonly metrics: Metrics;
  readonly log: WarnLog;
  /** The link of a worker that lives in this process. */
  localLink(tenant?: string): WorkerLink;
  /** A token that this server accepts; `ttl` in seconds, default an hour. */
  token(claims: TokenClaims, ttl?: number): Promise<string>;
  /** Carried out first when the server closes, e.g. to stop a worker of this process, which hands its attempts back. */
  onClose(step: () => Promise<unknown>): void;
  /**
   * Stops: wants no more requests (`/api/health/ready`), waits for `drain` ms, takes no new connections, says goodbye to
   * those it has, finishes what is being committed, and closes the store. May be called again.
   */
  close(): Promise<void>;
  /** resolves when the server has stopped */
  readonly closed: Promise<void>;
}

/**
 * Starts a server out of its parts.
 * Errors: `config_invalid`, `port_in_use`, `data_folder_in_use`, `database_corrupt`, `database_too_new`,
 * `storage_unavailable`.
 */
export async function createServer(options: ServerOptions = {}): Promise<Server> {
  const { env = process.env, clock = systemClock, console: consoleFolder, signals = false, ...others } = options;
  const { instrument = {}, ...overrides } = others;
  const config = readConfig(env, overrides);
  const secured = config.secret !== undefined || config.jwksUrl !== undefined;
  const gate = createGate({ listen: config.host, secured, hosts: config.hosts, origins: config.origins });
  const closers: (() => unknown)[] = [];
  const closeAll = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    // Standard output belongs to whoever started us: `millrace token` prints nothing but a token there.
    const log = pino({ level: config.logLevel }, pino.destination(2));
    for (const warning of config.warnings) log.warn(warning);
    const metrics = new PromMetrics();
    const boot = uuidv7();
    const made = await openStore(config, clock);
    const store = instrument.store?.(made) ?? made;
    closers.push(() => store.close());
    const auth = createScopedAuth(await openAuth(config, clock), store, clock, uuidv7);
    const carrier = await openBus(config, () => made.epoch, {
      ...{ server: boot, clock, random: Math.random },
      count: (name, by) => metrics.count(name, by),
    });
    const bus = instrument.bus?.(carrier) ?? carrier;
    closers.push(() => bus.close());
    const mute = carrier.trouble?.();
    if (mute !== undefined) log.warn(mute);
    const files = openFiles(config, store, clock);

    const engine = createEngine({
      ...{
        store,
        bus,
        files,
        clock,
        metrics,
        server: boot,
        newId: uuidv7,
        timings: config.timings,
        ...(config.createRate > 0 ? { createRate: { limit: config.createRate, per: 60_000 } } : {}),
      },
    });
    closers.push(() => engine.stop());
    bus.subscribe(topics.wake, () => engine.wakeAll());
    const scheduler = new Scheduler({
      ...{ store, engine, clock, metrics, boot, lease: config.timings.lease, sweeps: config.scheduler },
    });
    scheduler.start();
    closers.push(() => scheduler.stop());
    const hub = createHub({
      ...{ store, bus, clock, metrics, auth, server: boot },
      submit: (principal, run, command, about) =>
        engine.command({ tenant: principal.tenant, by: byOf(principal) }, run, command, {
          ...about,
          ...spendOf(principal),
        }),
    });

    const ports: number[] = [];
    const cluster = {
      key: keyOf(config),
      get address() {
        return addressOf(config, ports[0] ?? config.port);
      },
    };
    const socketIo = createSocketIo({
      ...{ auth, gate, clock, metrics },
      ...(config.store === 'postgres' ? { cluster } : {}),
      namespaces: [executionsNamespace(hub), channelsNamespace({ hub, waits: (key) => engine.control(key) })],
    });
    closers.push(() => socketIo.close());

    const intakeOf = (source: string) => {
      const report = createReport(source, metrics, log);
      const producer = store.producer.bind(store);
      return { report, intake: new JobIntake({ engine, producer, skipped: report.skipped }) };
    };
    const published = intakeOf('http').intake;
    let source: Source | undefined;
    if (config.redisUrl !== undefined) {
      const about = { url: config.redisUrl, server: boot, tenant: DEFAULT_TENANT, clock };
      source = await openRedisSource({ ...about, ...intakeOf('redis') }, bus);
      closers.push(() => source?.close());
    }

    const localLink = (tenant = DEFAULT_TENANT) => {
      const link = createLocalLink({ engine, caller: { tenant, by: 'worker:local' }, files, boot });
      return instrument.link?.(link) ?? link;
    };
    const ingest = new ShippedIngest({
      ...{ engine, store, clock, link: localLink },
      report: (error, during) => log.warn({ err: error }, during),
    });
    const knowledge = new KnowledgeSearch({ store, engine, files });

    let serving = true;
    const parts: Parts = {
      ...{ engine, store, files, hub, auth, gate, clock, metrics, log, boot, version },
      storeCheck: new StoreCheck(store, clock),
      schedules: scheduler.schedules,
      publish: (caller, jobId, value) => {
        const { message, from } = readPublication(value, jobId);
        return published.take(caller, message, from);
      },
      ingest: async (tenant) => (config.ingest ? ingest.begin(tenant) : undefined),
      search: (tenant, kbId, query, limit) => knowledge.search(tenant, kbId, query, limit),
      ready: () => serving,
      hintsTrouble: () => carrier.trouble?.() ?? source?.trouble(),
      exposition() {
        const { readers, events } = hub.lag();
        metrics.gauge('hub_readers_behind', readers);
        metrics.gauge('hub_lag_events', events);
        return metrics.exposition();
      },
      sockets: [
        createWebSocketHandler({ hub, auth, clock, gate }),
        createSocketServer(runSocketService(hub), { auth, clock, gate }),
        ...socketIo.paths.map((path) => ({ path, upgrade: socketIo.upgrade })),
      ],
      console: consoleFolder ?? builtConsole(),
      tokenless: !secured,
      publishers: config.redisUrl !== undefined,
      bodyLimit: config.bodyLimit,
      proxies: config.proxies,
      rateLimit: config.rateLimit,
    };
    const app = await createApp(parts);
    closers.push(() => app.close());
    const listeners = new Listeners(clock);
    closers.push(() => listeners.close());
    closers.push(() => hub.stop('the server is shutting down', spread));
    const serve: RequestListener = (request, response) => {
      if (!socketIo.request(request, response)) app.routing(request, response);
    };
    for (const port of [config.port, ...config.ports]) {
      ports.push(await listeners.open(config.host, port, serve, upgrade(parts)));
    }

    const { promise: closed, resolve } = Promise.withResolvers<void>();
    let closing: Promise<void> | undefined;
    const steps: (() => Promise<unknown>)[] = [() => ingest.stop()];
    if (config.ingest) void ingest.resume([DEFAULT_TENANT]);
    const stop = async () => {
      serving = false;
      if (config.drain > 0) await new Promise<void>((drained) => clock.after(config.drain, drained));
      try {
        await Promise.all(steps.map((step) => step()));
      } finally {
        await closeAll();
      }
    };
    const close = () => {
      closing ??= stop().finally(resolve);
      return closing;
    };
    if (signals) endOnSignal(close, clock, config.drain + CLOSE_LIMIT_MS);
    return {
      url: urlOf(config.host, ports[0] as number),
      ...{ ports, config, engine, store, metrics, log, close, closed, localLink },
      onClose: (step) => void steps.push(step),
      token: (claims, ttl = 3600) => auth.issue(claims, ttl),
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** In a checkout the console is built beside us, in the published package inside. */
export function builtConsole(): string | undefined {
  const places = ['../../console/dist/', './console/'].map((place) => fileURLToPath(new URL(place, import.meta.url)));
  return places.find((folder) => existsSync(`${folder}index.html`));
}

function urlOf(host: string, port: number): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}

/** Seconds to stay away for, at random: a thousand connections a second for the servers that are left. */
function spread(connections: number): number {
  return Math.random() * Math.min(SPREAD_LIMIT, connections / 1_000);
}

/** `limit`: ms after which a close that does not come to its end is given up. */
function endOnSignal(close: () => Promise<void>, clock: Clock, limit: number): void {
  let told = false;
  const end = () => {
    if (told) process.exit(1);
    told = true;
    clock.after(limit, () => process.exit(1));
    close().then(
      () => setImmediate(() => process.exit(0)),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', end).on('SIGINT', end);
}
