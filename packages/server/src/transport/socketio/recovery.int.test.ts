import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Namespace, NamespaceSocket } from '../transport.ts';
import { connected, heard, packets, Rig } from './socketio.rig.ts';

const EVENTS = 400;

/** A log that is sent on from wherever a client stands, a few events a turn. */
class LogNamespace implements Namespace {
  readonly name = '/log';
  readonly sockets = new Set<NamespaceSocket>();
  starts: (string | undefined)[] = [];
  turns = 0;

  connect(_principal: unknown, socket: NamespaceSocket) {
    let seq = Number(socket.recovered?.slice('at-'.length) ?? 0);
    this.starts.push(socket.recovered);
    this.sockets.add(socket);
    socket.offset = () => `at-${seq}`;
    const pump = () => {
      if (!this.sockets.has(socket) || seq === EVENTS) return;
      if (socket.buffered() > 4_096) return socket.onDrain(pump);
      const next = Math.min(EVENTS, seq + 1 + (this.turns++ % 3));
      const said: [string, unknown][] = [];
      while (seq < next) said.push(['log', ++seq]);
      socket.write(packets(...said));
      setImmediate(pump);
    };
    // Socket.IO tells its client of the connection first.
    setImmediate(pump);
    return { receive() {}, closed: () => void this.sockets.delete(socket) };
  }
}

const lines = (events: unknown[][]) => events.filter(([event]) => event === 'log');

let log: LogNamespace;
let rig: Rig;
beforeEach(async () => {
  log = new LogNamespace();
  rig = await new Rig().open({ namespaces: [log] });
});
afterEach(() => rig.close());

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  for (const format of ['client', 'msgpackClient'] as const) {
    test(`[DIA-38] over ${transports.join(' and ')} a ${format} that is cut again and again is told every event, in order and from where it stood`, async () => {
      const client = rig[format]('/log', { transports });
      const events = heard(client);
      let next = 40;
      let cuts = 0;
      // Behind a batch comes the offset: what came before it is never sent again.
      client.on('position', () => {
        // One that is cut while it changes over to WebSocket hangs until its ping times out, after 45 s.
        if (events.length < next || client.io.engine.transport.name !== transports.at(-1)) return;
        next += 40;
        cuts += 1;
        if (cuts % 2 === 0) for (const socket of log.sockets) socket.close(1001, 'cut');
        else rig.cut();
      });
      await connected(client);
      await vi.waitFor(() => expect(lines(events).at(-1)?.[1]).toBe(EVENTS), 10_000);
      const told = lines(events).map((event) => event[1] as number);
      expect([...new Set(told)]).toEqual(Array.from({ length: EVENTS }, (_, at) => at + 1));
      expect(cuts).toBeGreaterThan(3);
      expect(log.starts.slice(1).every((start) => /^at-\d+$/.test(start ?? ''))).toBe(true);
    });
  }
}
