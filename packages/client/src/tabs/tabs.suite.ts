import { onTestFinished } from 'vitest';
import { type Client, type ClientOptions, createClient } from '../client.ts';
import { FakeServer, settle } from '../fake-server.suite.ts';
import { SimulatedClock } from '../simulated-clock.suite.ts';
import type { OpenTransport, Platform } from '../transport.ts';
import { openWebSocket } from '../transport-websocket.ts';
// Loaded before the first test, or a client on a simulated clock would wait for the disk.
import '../transport-shared-worker.ts';
import { serveTabs } from './serve-tabs.ts';

export function jwt(claims: Record<string, unknown>): string {
  return `x.${btoa(JSON.stringify({ sub: 'ada', tenant: 'default', ...claims }))}.y`;
}

/** A browser in memory: workers by name, tabs that share them, one server, one clock. */
export class Browser {
  readonly server = new FakeServer();
  readonly clock = new SimulatedClock();
  readonly workers = new Map<string, (port: MessagePort) => void>();
  /** false = their script cannot be fetched */
  loads = true;
  readonly #ports: MessagePort[] = [];

  constructor(token = jwt({})) {
    this.server.token = token;
    onTestFinished(() => {
      for (const port of this.#ports) port.close();
    });
  }

  tab(options: Partial<ClientOptions> = {}): Client {
    const client = createClient({
      url: 'http://millrace.test/',
      token: this.server.token,
      clock: this.clock,
      ...options,
      platform: { ...this.#platform(), sharedWorker: (name) => this.#open(name), ...options.platform },
    });
    onTestFinished(() => client.disconnect());
    return client;
  }

  /** All that can happen without the clock, ports included. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 6; turn++) await settle();
  }

  async wait(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      this.clock.advance(500);
      await this.settle();
    }
  }

  /** The workers die as a process does: without a word. */
  kill(): void {
    for (const port of this.#ports.splice(0)) port.close();
    this.workers.clear();
  }

  #platform(): Platform {
    const { WebSocket, fetch } = this.server;
    return {
      WebSocket,
      fetch,
      clock: this.clock,
      sharedWorker: undefined,
      random: () => 0.5,
      onNetwork: () => () => {},
      onWake: () => () => {},
    };
  }

  #open(name: string): SharedWorker {
    const { port1, port2 } = new MessageChannel();
    this.#ports.push(port2);
    const worker = { port: port1, onerror: null as ((event: Event) => void) | null };
    if (!this.loads) setImmediate(() => worker.onerror?.(new Event('error')));
    else {
      const serve =
        this.workers.get(name) ?? serveTabs(this.#platform(), async (): Promise<OpenTransport> => openWebSocket);
      this.workers.set(name, serve);
      serve(port2);
    }
    return worker as unknown as SharedWorker;
  }
}
