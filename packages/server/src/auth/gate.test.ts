import type { MillraceError } from '@millrace/protocol/error';
import { describe, expect, test } from 'vitest';
import { createGate, type GateOptions, isLoopback } from './gate.ts';

const local: GateOptions = { listen: '127.0.0.1', secured: false, hosts: [], origins: [] };
const open: GateOptions = { listen: '0.0.0.0', secured: true, hosts: [], origins: [] };

function answer(options: GateOptions, host: string | undefined, origin?: string): string {
  try {
    createGate(options).check({ host, origin });
    return 'ok';
  } catch (error) {
    return (error as MillraceError).code;
  }
}

describe('[SEC-1] without a configured secret', () => {
  test.each(['0.0.0.0', '::', '192.168.1.5', 'millrace.example'])('the server refuses to listen on %s', (listen) => {
    expect(() => createGate({ ...local, listen })).toThrow('Expected MILLRACE_JWT_SECRET');
    expect(() => createGate({ ...local, listen, secured: true })).not.toThrow();
  });
});

test.each<[GateOptions, string | undefined, string]>([
  [local, 'localhost:4600', 'ok'],
  [local, '127.0.0.1:4600', 'ok'],
  [local, '[::1]:4600', 'ok'],
  [local, 'rebound.evil.example:4600', 'host_not_allowed'],
  [local, '127.0.0.1.evil.example', 'host_not_allowed'],
  [local, undefined, 'host_not_allowed'],
  [local, 'a b', 'host_not_allowed'],
  [{ ...local, hosts: ['dev.box'] }, 'dev.box:4600', 'ok'],
  [open, 'anything.example', 'ok'],
  [{ ...open, hosts: ['millrace.example'] }, 'millrace.example', 'ok'],
  [{ ...open, hosts: ['millrace.example'] }, 'other.example', 'host_not_allowed'],
])('[SEC-2] %j asked under Host %s: %s', (options, host, expected) => {
  expect(answer(options, host)).toBe(expected);
});

test.each<[GateOptions, string, string, string]>([
  [local, 'localhost:4600', 'http://localhost:4600', 'ok'],
  [local, 'localhost:4600', 'http://localhost:5173', 'ok'],
  [local, '127.0.0.1:4600', 'http://[::1]:3000', 'ok'],
  [local, 'localhost:4600', 'https://evil.example', 'origin_not_allowed'],
  [local, 'localhost:4600', 'null', 'origin_not_allowed'],
  [{ ...local, origins: ['https://app.example'] }, 'localhost', 'https://app.example', 'ok'],
  [{ ...local, origins: ['*'] }, 'localhost', 'https://anything.example', 'ok'],
  [open, 'millrace.example', 'https://millrace.example', 'ok'],
  [open, 'millrace.example', 'http://localhost:5173', 'origin_not_allowed'],
  [open, 'millrace.example', 'https://millrace.example.evil.example', 'origin_not_allowed'],
])('[SEC-3] %j under %s, page on %s: %s', (options, host, origin, expected) => {
  expect(answer(options, host, origin)).toBe(expected);
});

test.each([
  ['localhost', true],
  ['127.8.9.10', true],
  ['[::1]', true],
  ['127.0.0.1.evil.example', false],
  ['localhost.evil.example', false],
  ['10.0.0.1', false],
])('%s is loopback: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
