import { MillraceError } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { overridesOf } from './cli/start.ts';
import { readConfig } from './config.ts';

test('[CLI-1] without settings the server is on 127.0.0.1:4600 with SQLite in .millrace', () => {
  expect(readConfig({})).toMatchObject({
    port: 4600,
    host: '127.0.0.1',
    data: '.millrace',
    store: 'sqlite',
    timings: { lease: 6_000, renew: 2_000, grace: 10_000 },
    bodyLimit: 1024 * 1024,
  });
});

test('[CLI-1] environment variables and overrides replace the defaults', () => {
  const env = {
    PORT: '5000',
    MILLRACE_PORTS: '3000, 3001',
    MILLRACE_ORIGINS: 'https://a.example/,http://b.example:81',
    MILLRACE_HOSTS: 'Millrace.Example',
    JWT_SECRET: 'a secret that is long enough',
    MILLRACE_HOST: '0.0.0.0',
  };
  expect(readConfig(env, { data: '/elsewhere' })).toMatchObject({
    port: 5000,
    ports: [3000, 3001],
    origins: ['https://a.example', 'http://b.example:81'],
    hosts: ['millrace.example'],
    secret: 'a secret that is long enough',
    data: '/elsewhere',
  });
  expect(readConfig({ ...env, MILLRACE_JWT_SECRET: 'the one with our own name' }).secret).toBe(
    'the one with our own name',
  );
});

test.each<[Record<string, string>, string, string]>([
  [{ PORT: 'http' }, 'PORT is "http"', 'whole number from 0 to 65535'],
  [{ PORT: '70000' }, 'PORT is "70000"', 'whole number'],
  [{ MILLRACE_PORTS: '3000,x' }, 'MILLRACE_PORTS is "x"', 'whole number'],
  [{ MILLRACE_STORE: 'mysql' }, 'MILLRACE_STORE is "mysql"', 'one of sqlite, memory, postgres'],
  [{ MILLRACE_STORE: 'postgres' }, 'DATABASE_URL is not set', 'postgres://USER'],
  [{ DATABASE_URL: 'mysql://db/app' }, 'DATABASE_URL cannot be read', 'postgres://USER'],
  [{ DATABASE_URL: 'postgres://u:p#x@db/app' }, 'DATABASE_URL cannot be read', 'percent-encoded'],
  [{ DATABASE_URL: 'postgres://db/app', REDIS_URL: 'localhost:6379' }, 'REDIS_URL cannot be read', 'redis://'],
  [{ REDIS_URL: 'cache:6379' }, 'REDIS_URL cannot be read', 'redis://'],
  [{ SOCKET_PORT: 'x' }, 'SOCKET_PORT is "x"', 'whole number from 1'],
  [{ CMBAGENT_USE_DATABASE: 'no' }, 'CMBAGENT_USE_DATABASE is "no"', 'one of true, false'],
  [{ MILLRACE_PROXIES: '10.0.0.0/40' }, 'MILLRACE_PROXIES is "10.0.0.0/40"', 'network like 10.0.0.0/8'],
  [{ MILLRACE_ORIGINS: 'example.com' }, 'MILLRACE_ORIGINS is "example.com"', 'an origin like https://'],
  [{ MILLRACE_JWT_SECRET: 'short' }, 'MILLRACE_JWT_SECRET has 5 characters', 'at least 16'],
  [{ MILLRACE_JWKS_URL: 'keys.json' }, 'MILLRACE_JWKS_URL is "keys.json"', 'http or https'],
  [{ MILLRACE_CHECK_INTERVAL_SECS: '0' }, 'MILLRACE_CHECK_INTERVAL_SECS is "0"', 'whole number from 1'],
  [{ MILLRACE_ENABLE_AUTO_CLEANUP: 'no' }, 'MILLRACE_ENABLE_AUTO_CLEANUP is "no"', 'one of true, false'],
  [{ MILLRACE_RENEW_MS: '5000' }, 'MILLRACE_RENEW_MS is "5000"', 'at most half of MILLRACE_LEASE_MS'],
])('[CLI-2] %j is refused: the error names the variable and what was expected', (env, name, expected) => {
  expect(() => readConfig(env)).toThrow(MillraceError);
  expect(() => readConfig(env)).toThrow(name);
  expect(() => readConfig(env)).toThrow(expected);
});

test('[CLU-30] DATABASE_URL makes Postgres the store, whose hints Redis carries where REDIS_URL names one', () => {
  expect(readConfig({ DATABASE_URL: 'postgres://u@db/app' })).toMatchObject({
    store: 'postgres',
    databaseUrl: 'postgres://u@db/app',
  });
  const both = { DATABASE_URL: 'postgresql://db/app', REDIS_URL: 'rediss://:p@cache:6380' };
  expect(readConfig(both)).toMatchObject({ store: 'postgres', redisUrl: both.REDIS_URL });
  expect(readConfig({ ...both, MILLRACE_STORE: 'memory' }).store).toBe('memory');
});

test('[DIA-60] SOCKET_PORT and --ports add listeners, each port once', () => {
  expect(readConfig({ SOCKET_PORT: '3000' }).ports).toEqual([3000]);
  expect(readConfig({ PORT: '3001', SOCKET_PORT: '3000', MILLRACE_PORTS: '3000,3001,3002' })).toMatchObject({
    port: 3001,
    ports: [3000, 3002],
  });
  expect(overridesOf({ ports: '3000, 3001' })).toEqual({ ports: [3000, 3001] });
  expect(() => overridesOf({ ports: '0' })).toThrow('--ports is "0"');
});

test('[DIA-61] REDIS_URL is allowed over any store', () => {
  expect(readConfig({ REDIS_URL: 'redis://cache' })).toMatchObject({ store: 'sqlite', redisUrl: 'redis://cache' });
  const memory = { REDIS_URL: 'redis://cache', MILLRACE_STORE: 'memory' };
  expect(readConfig(memory)).toMatchObject({ store: 'memory', redisUrl: 'redis://cache' });
});

test('[DIA-62] CMBAGENT_USE_DATABASE=false means the memory store, and a warning', () => {
  expect(readConfig({}).warnings).toEqual([]);
  expect(readConfig({ CMBAGENT_USE_DATABASE: 'true' })).toMatchObject({ store: 'sqlite', warnings: [] });
  const forgetful = readConfig({ CMBAGENT_USE_DATABASE: 'false', DATABASE_URL: 'postgres://db/app' });
  expect(forgetful).toMatchObject({ store: 'memory', warnings: [expect.stringContaining('in memory only')] });
  expect(readConfig({ CMBAGENT_USE_DATABASE: 'false', MILLRACE_STORE: 'sqlite' })).toMatchObject({
    ...{ store: 'sqlite', warnings: [] },
  });
});

test('[CLU-30] an address that cannot be read is not shown, since it may hold a password', () => {
  expect(() => readConfig({ DATABASE_URL: 'postgres:/u:hunter2@db' })).not.toThrow('hunter2');
});

test('[SCH-8] each option of the scheduler can be set from outside, and of an override only what differs need be given', () => {
  const env = {
    MILLRACE_STALE_JOB_MAX_AGE_MINS: '10',
    MILLRACE_ACTIVE_JOB_TIMEOUT_MINS: '20',
    MILLRACE_CHECK_INTERVAL_SECS: '30',
    MILLRACE_ENABLE_AUTO_CLEANUP: 'false',
    MILLRACE_ENABLE_AUTO_RECOVERY: 'false',
    MILLRACE_RETENTION_COMPLETED_DAYS: '0',
    MILLRACE_RETENTION_FAILED_DAYS: '90',
    MILLRACE_RETENTION_CANCELLED_DAYS: '7',
  };
  const set = {
    staleJobMaxAgeMins: 10,
    activeJobTimeoutMins: 20,
    checkIntervalSecs: 30,
    enableAutoCleanup: false,
    enableAutoRecovery: false,
    retentionDays: { completed: 0, failed: 90, cancelled: 7 },
  };
  expect(readConfig(env).scheduler).toEqual(set);
  const override = { scheduler: { enableAutoCleanup: true, retentionDays: { failed: 1 } } };
  expect(readConfig(env, override).scheduler).toEqual({
    ...set,
    enableAutoCleanup: true,
    retentionDays: { completed: 0, failed: 1, cancelled: 7 },
  });
});

test('[CLI-42] MILLRACE_BLOBS names a bucket, and Amazon’s own variables its keys, region and address', () => {
  const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'key' };
  expect(readConfig({}).blobs).toBeUndefined();
  expect(readConfig({ MILLRACE_BLOBS: 's3://my-box', ...keys }).blobs).toEqual({
    ...{ bucket: 'my-box', prefix: '', region: 'us-east-1', accessKeyId: 'id', secretAccessKey: 'key' },
  });
  const more = { AWS_REGION: 'eu-north-1', AWS_ENDPOINT_URL: 'http://127.0.0.1:9000', AWS_SESSION_TOKEN: 's' };
  expect(readConfig({ MILLRACE_BLOBS: 's3://box/mill//runs', ...keys, ...more }).blobs).toMatchObject({
    ...{ bucket: 'box', prefix: 'mill/runs/', region: 'eu-north-1', endpoint: 'http://127.0.0.1:9000' },
    sessionToken: 's',
  });
});

test.each([
  [{ MILLRACE_BLOBS: 'box' }, /MILLRACE_BLOBS is "box". Expected s3:\/\/BUCKET/],
  [{ MILLRACE_BLOBS: 's3://box/../x' }, /MILLRACE_BLOBS is/],
  [{ MILLRACE_BLOBS: 's3://box', AWS_ACCESS_KEY_ID: '' }, /AWS_ACCESS_KEY_ID/],
  [{ MILLRACE_BLOBS: 's3://box', AWS_ENDPOINT_URL: 'box:9000' }, /AWS_ENDPOINT_URL is "box:9000"/],
])('[CLI-42] %o is refused', (env, message) => {
  const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'key' };
  expect(() => readConfig({ ...keys, ...env })).toThrow(message);
});
