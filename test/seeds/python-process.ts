import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { findPython } from '../../scripts/services.ts';
import type { Heard } from './socketio-client.ts';

export interface PythonOptions {
  url: string;
  namespace: string;
  token: string;
  /** what it subscribes to on every connection */
  subscriptions: string[];
  /** the events after which it ends, when each has come */
  last: string[];
  transports?: string;
  /** which it prints */
  events: string[];
}

/** Debian's python3-socketio as another language's client; it knows nothing of Socket.IO's recovery. */
export class PythonProcess {
  readonly heard: Heard[] = [];
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor({ url, namespace, token, subscriptions, last, transports = 'websocket', events }: PythonOptions) {
    const python = findPython();
    if (python === undefined) throw new Error('This test needs python3-socketio and python3-aiohttp.');
    const program = join(import.meta.dirname, 'python-client.py');
    const args = [program, url, namespace, token, subscriptions.join(), last.join(), transports, ...events];
    this.#child = spawn(python, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout as Readable }).on('line', (line) => {
      const [event, data] = JSON.parse(line) as [string, Record<string, unknown>];
      this.heard.push({ event, data });
    });
    this.ended = new Promise((resolve) => this.#child.once('close', resolve));
  }

  of(...events: string[]): Record<string, unknown>[] {
    return this.heard.filter(({ event }) => events.includes(event)).map(({ data }) => data);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
