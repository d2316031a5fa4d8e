import type { PublicStatus, StatusDetail } from '@millrace/protocol';
import type { Clock } from '@millrace/protocol/clock';
import type { FastifyBaseLogger } from 'fastify';
import type { Gate } from '../auth/gate.ts';
import type { ScopedAuth } from '../auth/scoped.ts';
import type { Caller, Engine } from '../engine/face.ts';
import type { Files } from '../files/files.ts';
import type { Hub } from '../hub/face.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Schedules } from '../scheduler/face.ts';
import type { Store } from '../store/store.ts';
import type { SocketHandler } from '../transport/socket-server.ts';
import type { FoundChunks } from './schemas.ts';
import type { StoreCheck } from './store-check.ts';

/** What the HTTP side is built from; the composition root hands it over. */
export interface Parts {
  engine: Engine;
  store: Store;
  files: Files;
  hub: Hub;
  schedules: Schedules;
  auth: ScopedAuth;
  gate: Gate;
  clock: Clock;
  metrics: Metrics;
  log: FastifyBaseLogger;
  /** no keys are configured: whoever is on this machine may create jobs without a token */
  tokenless: boolean;
  /** publishers of jobs are read, so a job may be executed by one of them */
  publishers: boolean;
  /**
   * Takes what a publisher says of its job. Errors: run_not_found, event_not_allowed, event_invalid, forbidden,
   * invalid_transition, run_ended.
   */
  publish(
    caller: Caller,
    jobId: string,
    message: unknown,
  ): Promise<{ state: PublicStatus; detail?: StatusDetail; repeated: boolean }>;
  /** Makes sure that there is a workflow `ingest` to run, where the shipped one is not switched off. */
  ingest(tenant: string): Promise<void>;
  /** What ingested documents say about a query, best first. */
  search(tenant: string, kbId: string, query: string, limit: number): Promise<FoundChunks>;
  /** this start of the server */
  boot: string;
  version: string;
  /** false once the server has begun to stop */
  ready(): boolean;
  storeCheck: Pick<StoreCheck, 'ask' | 'failed' | 'warning'>;
  /** Why hints do not pass between servers at present, and what to do. */
  hintsTrouble(): string | undefined;
  /** what Prometheus scrapes */
  exposition(): Promise<{ type: string; text: string }>;
  sockets: readonly SocketHandler[];
  /** folder of the built console; undefined = it is not built */
  console: string | undefined;
  /** bytes of a JSON body */
  bodyLimit: number;
  /** addresses or networks whose X-Forwarded-For is believed */
  proxies: readonly string[];
  /** requests of one address in ten seconds */
  rateLimit: number;
}
