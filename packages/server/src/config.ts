import { isIP } from 'node:net';
import { MillraceError } from '@millrace/protocol/error';

/** Everything that can be set from outside, read once when the server starts. */
export interface Config {
  /** 0 = any free one */
  port: number;
  /** listeners beside `port`, none of them twice */
  ports: readonly number[];
  host: string;
  /** where the other servers of a cluster reach this one; default: where it listens */
  address?: string;
  /** the data folder: database, secret, files */
  data: string;
  store: 'sqlite' | 'memory' | 'postgres';
  /** where the store is Postgres, which many servers share */
  databaseUrl?: string;
  /**
   * where publishers of jobs leave what they tell; it carries the hints between servers that share a database, too,
   * which without it Postgres does, less swiftly
   */
  redisUrl?: string;
  /** where files are kept; without it in the store's database */
  blobs?: BlobsConfig;
  /** HS256 secret; without it and without `jwksUrl` the server makes its own and stays on loopback */
  secret?: string;
  jwksUrl?: string;
  /** origins of browsers that may connect beside the server's own; `*` = all */
  origins: readonly string[];
  /** addresses or networks of the balancers whose X-Forwarded-For says who asks */
  proxies: readonly string[];
  /** names that the Host header may hold; empty = loopback names, or any where a secret is configured */
  hosts: readonly string[];
  timings: Timings;
  scheduler: SchedulerConfig;
  /** ms for which a server that was told to stop still takes requests, so that balancers find out */
  drain: number;
  /** bytes of a JSON body */
  bodyLimit: number;
  /** requests of one address in ten seconds */
  rateLimit: number;
  /** runs that one user may start in a minute; 0 = as many as they like */
  createRate: number;
  /** brings the workflow `ingest`, run in this process; false: only where another server or a worker runs one */
  ingest: boolean;
  logLevel: LogLevel;
  /** what whoever operates the server should know of these settings, in words */
  warnings: readonly string[];
}

/** A bucket in S3, or in something that speaks its language. */
export interface BlobsConfig {
  bucket: string;
  /** what all keys begin with; '' or ends in a slash */
  prefix: string;
  region: string;
  /** http(s)://host:port; without it Amazon's own of the region */
  endpoint?: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** All in ms. */
export interface Timings {
  /** how long an attempt's lease lasts without renewal */
  lease: number;
  /** how often a worker renews */
  renew: number;
  /** how long a told attempt may take to stop before it is fenced */
  grace: number;
}

/** When the scheduler cleans up and recovers. */
export interface SchedulerConfig {
  /** minutes after which a run that nobody ever claimed is cancelled, counted from when it was due */
  staleJobMaxAgeMins: number;
  /** minutes without any event after which an attempt, or a running external run, counts as hung */
  activeJobTimeoutMins: number;
  /** seconds between two sweeps */
  checkIntervalSecs: number;
  /** cancels stale runs, and deletes ended ones after their retention */
  enableAutoCleanup: boolean;
  /** ends hung attempts, so that they are tried again, and fails hung external runs */
  enableAutoRecovery: boolean;
  /** days after its end for which a run is kept, by how it ended; 0 = for ever */
  retentionDays: { completed: number; failed: number; cancelled: number };
}

/** A configuration in part; of the scheduler's options too, only those that differ need be given. */
export interface ConfigOverrides extends Partial<Omit<Config, 'scheduler'>> {
  scheduler?: Partial<Omit<SchedulerConfig, 'retentionDays'>> & {
    retentionDays?: Partial<SchedulerConfig['retentionDays']>;
  };
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export const DEFAULT_PORT = 4600;
export const DEFAULT_DATA = '.millrace';
/** An HS256 secret shorter than this, in characters, can be guessed from one token. */
export const SECRET_LENGTH = 16;

/**
 * The configuration from environment variables, with `overrides` (a command's flags, a test's options) on top.
 * Throws `config_invalid` naming the variable, its value and what was expected.
 */
export function readConfig(env: Record<string, string | undefined>, overrides: ConfigOverrides = {}): Config {
  const text = (name: string): string | undefined => env[name]?.trim() || undefined;
  const number = (name: string, fallback: number, min: number, max: number): number => {
    const value = text(name);
    return value === undefined ? fallback : wholeNumber(name, value, min, max);
  };
  const words = (name: string): string[] => list(text(name));
  const choice = <T extends string>(name: string, choices: readonly T[], fallback: T): T => {
    const value = text(name);
    if (value === undefined) return fallback;
    const found = choices.find((one) => one === value);
    if (found === undefined) throw invalid(name, value, `one of ${choices.join(', ')}`);
    return found;
  };

  const { scheduler = {}, ...others } = overrides;
  const secret = text('MILLRACE_JWT_SECRET') ?? text('JWT_SECRET');
  const jwksUrl = text('MILLRACE_JWKS_URL');
  const databaseUrl = text('DATABASE_URL');
  const redisUrl = text('REDIS_URL');
  const blobs = text('MILLRACE_BLOBS');
  const address = text('MILLRACE_ADDRESS');
  const forgetful = choice('CMBAGENT_USE_DATABASE', ['true', 'false'], 'true') === 'false';
  const ownStore = databaseUrl === undefined ? 'sqlite' : 'postgres';
  const config: Config = {
    port: number('PORT', DEFAULT_PORT, 0, 65_535),
    ports: [...portsOf('MILLRACE_PORTS', text('MILLRACE_PORTS')), ...portsOf('SOCKET_PORT', text('SOCKET_PORT'))],
    host: text('MILLRACE_HOST') ?? '127.0.0.1',
    ...(address === undefined ? {} : { address: addressIn(address) }),
    data: text('MILLRACE_DATA') ?? DEFAULT_DATA,
    store: choice('MILLRACE_STORE', ['sqlite', 'memory', 'postgres'], forgetful ? 'memory' : ownStore),
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    ...(redisUrl === undefined ? {} : { redisUrl }),
    ...(blobs === undefined ? {} : { blobs: bucketOf(blobs, text) }),
    ...(secret === undefined ? {} : { secret }),
    ...(jwksUrl === undefined ? {} : { jwksUrl }),
    origins: words('MILLRACE_ORIGINS').map(originOf),
    hosts: words('MILLRACE_HOSTS').map((host) => host.toLowerCase()),
    proxies: words('MILLRACE_PROXIES').map(networkOf),
    timings: {
      lease: number('MILLRACE_LEASE_MS', 6_000, 100, 3_600_000),
      renew: number('MILLRACE_RENEW_MS', 2_000, 10, 3_600_000),
      grace: number('MILLRACE_GRACE_MS', 10_000, 0, 3_600_000),
    },
    drain: number('MILLRACE_DRAIN_MS', 0, 0, 600_000),
    bodyLimit: number('MILLRACE_BODY_LIMIT', 1024 * 1024, 1024, 64 * 1024 * 1024),
    rateLimit: number('MILLRACE_RATE_LIMIT', 10_000, 1, 10_000_000),
    createRate: number('MILLRACE_CREATE_RATE', 0, 0, 10_000_000),
    ingest: choice('MILLRACE_INGEST', ['true', 'false'], 'true') === 'true',
    logLevel: choice('MILLRACE_LOG', logLevels, 'warn'),
    warnings: [],
    ...others,
    scheduler: {
      staleJobMaxAgeMins: number('MILLRACE_STALE_JOB_MAX_AGE_MINS', 1_440, 1, 5_256_000),
      activeJobTimeoutMins: number('MILLRACE_ACTIVE_JOB_TIMEOUT_MINS', 60, 1, 5_256_000),
      checkIntervalSecs: number('MILLRACE_CHECK_INTERVAL_SECS', 300, 1, 86_400),
      enableAutoCleanup: choice('MILLRACE_ENABLE_AUTO_CLEANUP', ['true', 'false'], 'true') === 'true',
      enableAutoRecovery: choice('MILLRACE_ENABLE_AUTO_RECOVERY', ['true', 'false'], 'true') === 'true',
      ...scheduler,
      retentionDays: {
        completed: number('MILLRACE_RETENTION_COMPLETED_DAYS', 30, 0, 36_500),
        failed: number('MILLRACE_RETENTION_FAILED_DAYS', 30, 0, 36_500),
        cancelled: number('MILLRACE_RETENTION_CANCELLED_DAYS', 30, 0, 36_500),
        ...scheduler.retentionDays,
      },
    },
  };
  check(config);
  const ports = [...new Set(config.ports)].filter((port) => port !== config.port);
  const warnings = forgetful && config.store === 'memory' ? [...config.warnings, FORGETFUL] : config.warnings;
  return { ...config, ports, warnings };
}

const FORGETFUL = 'CMBAGENT_USE_DATABASE is false: runs are kept in memory only, and forgotten when this server ends.';

function check(config: Config): void {
  const { secret, jwksUrl, timings } = config;
  if (secret !== undefined && secret.length < SECRET_LENGTH) {
    throw new MillraceError('config_invalid', {
      detail: `MILLRACE_JWT_SECRET has ${secret.length} characters. Expected at least ${SECRET_LENGTH}.`,
    });
  }
  if (jwksUrl !== undefined && !/^https?:\/\/./.test(jwksUrl)) {
    throw invalid('MILLRACE_JWKS_URL', jwksUrl, 'an http or https address of a JSON Web Key Set');
  }
  checkStore(config);
  if (timings.renew * 2 > timings.lease) {
    throw invalid('MILLRACE_RENEW_MS', String(timings.renew), `at most half of MILLRACE_LEASE_MS (${timings.lease})`);
  }
}

const POSTGRES_FORM = 'Expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, special characters percent-encoded.';
const REDIS_FORM = 'Expected redis://:PASSWORD@HOST:PORT, or rediss:// for TLS, special characters percent-encoded.';

/** What is wrong is told without the address, which may hold a password. */
function checkStore({ store, databaseUrl, redisUrl }: Config): void {
  const unusable = (name: string, detail: string) =>
    new MillraceError('config_invalid', { detail: `${name} ${detail}`, facts: { name } });
  if (redisUrl !== undefined && !hasScheme(redisUrl, /^rediss?:$/))
    throw unusable('REDIS_URL', `cannot be read. ${REDIS_FORM}`);
  if (store !== 'postgres') return;
  if (databaseUrl === undefined) throw unusable('DATABASE_URL', `is not set. ${POSTGRES_FORM}`);
  if (!hasScheme(databaseUrl, /^postgres(ql)?:$/)) throw unusable('DATABASE_URL', `cannot be read. ${POSTGRES_FORM}`);
}

const hasScheme = (url: string, scheme: RegExp) =>
  /^[a-z]+:\/\//.test(url) && scheme.test(URL.parse(url)?.protocol ?? '');

/** The keys and the region are named as Amazon's own programs name them. */
function bucketOf(value: string, text: (name: string) => string | undefined): BlobsConfig {
  const form = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w./-]*))?$/.exec(value);
  const [, bucket, path = ''] = form ?? [];
  const names = path.split('/').filter((name) => name !== '');
  if (bucket === undefined || names.some((name) => /^\.+$/.test(name)))
    throw invalid('MILLRACE_BLOBS', value, 's3://BUCKET or s3://BUCKET/PREFIX');
  const accessKeyId = text('AWS_ACCESS_KEY_ID');
  const secretAccessKey = text('AWS_SECRET_ACCESS_KEY');
  const sessionToken = text('AWS_SESSION_TOKEN');
  const endpoint = text('AWS_ENDPOINT_URL');
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const detail = `MILLRACE_BLOBS is "${value}". Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY too.`;
    throw new MillraceError('config_invalid', { detail, facts: { name: 'AWS_ACCESS_KEY_ID' } });
  }
  if (endpoint !== undefined && !hasScheme(endpoint, /^https?:$/))
    throw invalid('AWS_ENDPOINT_URL', endpoint, 'an http or https address like http://127.0.0.1:9000');
  return {
    ...{ bucket, prefix: names.map((name) => `${name}/`).join(''), accessKeyId, secretAccessKey },
    region: text('AWS_REGION') ?? 'us-east-1',
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(sessionToken === undefined ? {} : { sessionToken }),
  };
}

/** Numbers and names of a list that commas separate. */
export function list(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

/** Ports of a setting that holds several, separated by commas. Throws `config_invalid`. */
export function portsOf(name: string, value: string | undefined): number[] {
  return list(value).map((port) => wholeNumber(name, port, 1, 65_535));
}

/** Reads a whole number from `min` to `max`, or throws `config_invalid` naming the setting. */
export function wholeNumber(name: string, value: string, min: number, max: number): number {
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= min && number <= max)) throw invalid(name, value, `a whole number from ${min} to ${max}`);
  return number;
}

function addressIn(value: string): string {
  const url = hasScheme(value, /^https?:$/) ? URL.parse(value) : undefined;
  if (url?.pathname !== '/')
    throw invalid('MILLRACE_ADDRESS', value, 'an http or https address like http://10.0.0.7:4600');
  return url.origin;
}

function networkOf(value: string): string {
  const [address = '', bits, ...rest] = value.split('/');
  const version = isIP(address);
  const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
  if (version === 0 || !fits || rest.length > 0)
    throw invalid('MILLRACE_PROXIES', value, 'an address like 10.0.0.7, or a network like 10.0.0.0/8');
  return value;
}

function originOf(value: string): string {
  if (value === '*') return value;
  const url = URL.parse(value);
  if (!url || url.origin === 'null')
    throw invalid('MILLRACE_ORIGINS', value, 'an origin like https://app.example.com, or *');
  return url.origin;
}

function invalid(name: string, value: string, expected: string): MillraceError {
  return new MillraceError('config_invalid', {
    detail: `${name} is "${value}". Expected ${expected}.`,
    facts: { name },
  });
}
