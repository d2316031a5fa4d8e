import fc from 'fast-check';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createServer, type Server } from '../server.ts';

let server: Server;
let token: string;
const caller = { tenant: 'default', by: 'user:ada' };

beforeAll(async () => {
  server = await createServer({
    port: 0,
    store: 'memory',
    env: {},
    logLevel: 'silent',
    secret: 'a secret of the test',
  });
  token = await server.token({ sub: 'ada' });
});
afterAll(() => server.close());

async function external(): Promise<string> {
  const { id } = await server.engine.create(caller, {
    ...{ workflow: 'demo', external: true, nodes: [{ id: 'a', task: 'work' }] },
  });
  await server.engine.append(caller, id, { events: [{ type: 'node.started', node: 'a', data: {} }] });
  return id;
}

/** What happens to one client and the two runs that it may follow. */
type Deed =
  | { do: 'cut' }
  | { do: 'subscribe' | 'unsubscribe'; run: number }
  | { do: 'burst'; run: number; size: number };

const run = fc.nat(1);
const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ do: fc.constant('cut' as const) }),
  fc.record({ do: fc.constantFrom('subscribe' as const, 'unsubscribe' as const), run }),
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('burst' as const), run, size: fc.integer({ min: 1, max: 40 }) }),
  },
);

/**
 * A stock client that subscribes again when it was not recovered, as Socket.IO advises, and the lines that it was told
 * of each run since it last subscribed. What was cut between its last event and its place comes again, with its id.
 */
class Reader {
  readonly socket: Socket;
  readonly lines = new Map<string, number[]>();
  readonly problems: unknown[] = [];
  #known = new Set<string>();
  #asked = Promise.resolve();

  constructor(transports: string[]) {
    this.socket = io(`${server.url}/executions`, {
      ...{ auth: { token }, forceNew: true, transports, reconnectionDelay: 1, reconnectionDelayMax: 5 },
    });
    this.socket.on('log', ({ executionId, log }) => {
      if (this.#known.has(log.id)) return;
      this.#known.add(log.id);
      this.lines.get(executionId)?.push(Number(log.message));
    });
    this.socket.on('error', (problem) => this.problems.push(problem));
    this.socket.on('connect', () => {
      if (this.socket.recovered) return;
      for (const id of [...this.lines.keys()]) this.subscribe(id);
    });
  }

  subscribe(id: string): void {
    this.#begin(id);
    this.#ask('subscribe', id);
  }

  unsubscribe(id: string): void {
    this.lines.delete(id);
    this.#ask('unsubscribe', id);
  }

  /** A stock client that is closed while it opens stays so: it is cut when it is there. */
  cut(): void {
    if (this.socket.connected) this.socket.io.engine.close();
  }

  get settled(): Promise<void> {
    return this.#asked;
  }

  #begin(id: string): void {
    this.lines.set(id, []);
    this.#known = new Set([...this.#known].filter((known) => !known.startsWith(`${id}:`)));
  }

  /** What a cut loses is asked again, as a client does that gets no answer. */
  #ask(event: string, id: string): void {
    this.#asked = this.#asked.then(async () => {
      for (;;) {
        try {
          return void (await this.socket.timeout(300).emitWithAck(event, id));
        } catch {
          await vi.waitFor(() => expect(this.socket.connected).toBe(true));
        }
      }
    });
  }
}

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  test(`[DIA-133] through any cuts, subscriptions and bursts every line is told once and in order, by ${transports.join(' and ')}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { minLength: 5, maxLength: 14 }), async (deeds) => {
        const runs = [await external(), await external()];
        const written = new Map(runs.map((id) => [id, 0]));
        const reader = new Reader(transports);
        await vi.waitFor(() => expect(reader.socket.connected).toBe(true));
        for (const one of deeds) {
          const id = runs['run' in one ? one.run : 0] as string;
          if (one.do === 'cut') reader.cut();
          else if (one.do === 'burst') {
            const from = written.get(id) ?? 0;
            const events = Array.from({ length: one.size }, (_, n) => ({
              ...{ type: 'log' as const, data: { level: 'info' as const, message: `${from + n}` } },
            }));
            written.set(id, from + one.size);
            await server.engine.append(caller, id, { events });
          } else if (one.do === 'unsubscribe') reader.unsubscribe(id);
          else if (!reader.lines.has(id)) reader.subscribe(id);
          if (one.do !== 'cut') await reader.settled;
        }
        await vi.waitFor(
          () => {
            for (const [id, lines] of reader.lines) expect(lines.at(-1) ?? -1).toBe((written.get(id) ?? 0) - 1);
          },
          { timeout: 5_000, interval: 2 },
        );
        for (const [id, lines] of reader.lines) expect(lines).toEqual([...Array(written.get(id)).keys()]);
        expect(reader.problems).toEqual([]);
        await reader.settled;
        reader.socket.disconnect();
      }),
      { numRuns: 25, seed: 20261121, endOnFailure: true },
    );
  }, 60_000);
}
