import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Clock, WorkerLink } from '@millrace/protocol';
import { pino } from 'pino';
import { uuidv7 } from 'uuidv7';
import packageJson from '../package.json' with { type: 'json' };
import { type Auth, byOf, type Role, type Scope, spendOf } from './auth/auth.ts';
import { createJwtAuth, DEFAULT_TENANT } from './auth/auth-jwt.ts';
import { createGate } from './auth/gate.ts';
import { createScopedAuth } from './auth/scoped.ts';
import { keepSecret } from './auth/secret.ts';
import type { Bus } from './bus/bus.ts';
import { LocalBus } from './bus/bus-local.ts';
import { systemClock } from './clock.ts';
import { type Config, type ConfigOverrides, readConfig } from './config.ts';
import { createEngine } from './engine/engine.ts';
import type { Engine } from './engine/face.ts';
import { createLocalLink } from './engine/local-link.ts';
import { StoreFiles } from './files/files-store.ts';
import { createApp, upgrade } from './http/app.ts';
import { Listeners } from './http/listeners.ts';
import type { Parts } from './http/parts.ts';
import { createHub } from './hub/hub.ts';
import { PromMetrics } from './metrics/metrics-prom.ts';
import { Scheduler } from './scheduler/scheduler.ts';
import { newEpoch } from './store/epoch.ts';
import type { Store } from './store/store.ts';
import { MemoryStore } from './store/store-memory.ts';
import { openSqliteStore } from './store/store-sqlite.ts';
import { createWebSocketHandler } from './transport/websocket.ts';

export const version = packageJson.version;

/** Settings that stand before the environment's, and what only code can say. */
export interface ServerOptions extends ConfigOverrides {
  /** default: process.env */
  env?: Record<string, string | undefined>;
  /** default: the system's */
  clock?: Clock;
  /** folder of a built console; default: Millrace's own */
  console?: string;
  /** SIGTERM and SIGINT close the server, and then end the process; a second one ends it at once */
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
  /** The link of a worker that lives in this process. */
  localLink(tenant?: string): WorkerLink;
  /** A token that this server accepts; `ttl` in seconds, default an hour. */
  token(claims: TokenClaims, ttl?: number): Promise<string>;
  /** Stops: takes no new connections, says goodbye to those it has, and closes the store. May be called again. */
  close(): Promise<void>;
  /** resolves when the server has stopped */
  readonly closed: Promise<void>;
}

/**
 * Starts a server: the only place that names drivers.
 * Errors: `config_invalid`, `port_in_use`, `data_folder_in_use`, `database_corrupt`, `database_too_new`.
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
    const metrics = new PromMetrics();
    const boot = uuidv7();
    const made = openStore(config, clock);
    const store = instrument.store?.(made) ?? made;
    closers.push(() => store.close());
    const auth = createScopedAuth(await openAuth(config, clock), store, clock, uuidv7);
    const bus = instrument.bus?.(new LocalBus()) ?? new LocalBus();
    closers.push(() => bus.close());
    const files = new StoreFiles(store);

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

    let serving = true;
    const parts: Parts = {
      ...{ engine, store, files, hub, auth, gate, clock, metrics, log, boot, version },
      schedules: scheduler.schedules,
      ready: () => serving,
      exposition: () => metrics.exposition(),
      sockets: [createWebSocketHandler({ hub, auth, clock, gate })],
      console: consoleFolder ?? builtConsole(),
      bodyLimit: config.bodyLimit,
      rateLimit: config.rateLimit,
    };
    const app = await createApp(parts);
    closers.push(() => app.close());
    const listeners = new Listeners(clock);
    closers.push(() => listeners.close());
    closers.push(() => {
      serving = false;
      hub.stop('the server is shutting down');
    });
    const ports: number[] = [];
    for (const port of [config.port, ...config.ports]) {
      ports.push(
        await listeners.open(config.host, port, (request, response) => app.routing(request, response), upgrade(parts)),
      );
    }

    const { promise: closed, resolve } = Promise.withResolvers<void>();
    let closing: Promise<void> | undefined;
    const close = () => {
      closing ??= closeAll().finally(resolve);
      return closing;
    };
    if (signals) endOnSignal(close);
    return {
      url: urlOf(config.host, ports[0] as number),
      ...{ ports, config, engine, store, close, closed },
      localLink: (tenant = DEFAULT_TENANT) => {
        const link = createLocalLink({ engine, caller: { tenant, by: 'worker:local' }, files, boot });
        return instrument.link?.(link) ?? link;
      },
      token: (claims, ttl = 3600) => auth.issue(claims, ttl),
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function openStore(config: Config, clock: Clock): Store {
  return config.store === 'memory'
    ? new MemoryStore(newEpoch(clock.now()))
    : openSqliteStore({ folder: config.data, clock });
}

/** The configured keys, else the data folder's own secret. */
export async function openAuth(config: Config, clock: Clock): Promise<Auth> {
  const { jwksUrl } = config;
  const secret = config.secret ?? (jwksUrl === undefined ? await keepSecret(config.data) : undefined);
  return createJwtAuth(
    { ...(secret === undefined ? {} : { secret }), ...(jwksUrl === undefined ? {} : { jwks: jwksUrl }) },
    clock,
  );
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

function endOnSignal(close: () => Promise<void>): void {
  let told = false;
  const end = () => {
    if (told) process.exit(1);
    told = true;
    close().then(
      () => setImmediate(() => process.exit(0)),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', end).on('SIGINT', end);
}
