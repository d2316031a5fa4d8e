import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import type { OnClose } from './server-process.ts';

const shown = ['save', 'appendonly', 'appendfsync', 'maxmemory-policy'];

/** A redis-server of our own with what Redis does by default (snapshots, no append-only file), in a folder that goes with it. */
export async function startRedis(onClose: OnClose): Promise<{ port: number; settings: string }> {
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
  let version = '';
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}.`)));
    child.stdout.on('data', (chunk: Buffer) => {
      version = /Redis version=([^,]+)/.exec(chunk.toString())?.[1] ?? version;
      if (chunk.toString().includes('Ready to accept connections')) resolve();
    });
  });
  return { port, settings: [`Redis ${version}`, ...(await settingsOf(port))].join(' ') };
}

/** Asks in Redis' inline form: the answer to each question is a list of the name and its value. */
function settingsOf(port: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`${shown.map((name) => `CONFIG GET ${name}\r\n`).join('')}QUIT\r\n`);
    });
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    socket.on('end', () => {
      const words = answer.split('\r\n').filter((word) => !/^[*$+]/.test(word));
      resolve(shown.map((name) => `${name}=${words[words.indexOf(name) + 1]}`));
    });
  });
}
