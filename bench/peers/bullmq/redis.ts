import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../harness/free-port.ts';

/** A redis-server of our own with what Redis does by default (snapshots, no append-only file), in a folder that goes with it. */
export async function startRedis(onClose: (close: () => unknown) => void): Promise<{ port: number; settings: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-redis-'));
  const port = await freePort();
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  onClose(async () => {
    child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}.`)));
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('Ready to accept connections')) resolve();
    });
  });
  return { port, settings: await settingsOf(port) };
}

async function settingsOf(port: number): Promise<string> {
  const client = new Redis(port, '127.0.0.1');
  const names = ['save', 'appendonly', 'appendfsync', 'maxmemory-policy'];
  const found = await client.config('GET', ...names);
  const version = /redis_version:(\S+)/.exec(await client.info('server'))?.[1];
  client.disconnect();
  const pairs = new Map<string, string>();
  for (let at = 0; at < found.length; at += 2) pairs.set(String(found[at]), String(found[at + 1]));
  return [`Redis ${version}`, ...names.map((name) => `${name}=${pairs.get(name)}`)].join(' ');
}
