import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { ConnectionFault, Side } from './connection-fault.ts';

export interface TcpProxyOptions {
  /** the port on 127.0.0.1 that the `connection`-th connection, from 0, goes to */
  target(connection: number): number;
  /** what becomes of it; default: nothing */
  fault?(connection: number): ConnectionFault;
  /** who looks at what a connection carries */
  inspect?(connection: number): Inspector;
}

/** Sees every chunk before it is passed on; `cut` breaks the connection as soon as the chunk has been passed on. */
export type Inspector = (chunk: Buffer, from: Side) => 'pass' | 'cut';

/** Stands between clients and servers on 127.0.0.1, and does to each connection what a bad network does. */
export class TcpProxy {
  readonly counts = { connections: 0, cut: 0, stall: 0, hush: 0, drip: 0 };
  readonly #options: TcpProxyOptions;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  /** also those of pairs that are cut and still hand over their last bytes */
  readonly #sockets = new Set<Socket>();
  readonly #ended = new AbortController();
  #severed = false;
  /** pending while nothing passes */
  #held: PromiseWithResolvers<void> | undefined;

  constructor(options: TcpProxyOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#join(near));
  }

  /** Answers the port; 0 = any free one. */
  async listen(port = 0): Promise<number> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as { port: number }).port;
  }

  cutAll(): void {
    for (const pair of this.#pairs) this.#cut(pair, true);
  }

  /** Cuts everything and refuses whoever comes, until `mend`. */
  sever(): void {
    this.#severed = true;
    this.cutAll();
  }

  /** Nothing passes and nothing is told, as where a network is split, until `mend`. */
  hold(): void {
    this.#held ??= Promise.withResolvers<void>();
  }

  mend(): void {
    this.#severed = false;
    this.#held?.resolve();
    this.#held = undefined;
  }

  async close(): Promise<void> {
    this.#ended.abort();
    this.mend();
    this.sever();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(near: Socket): void {
    const number = this.counts.connections++;
    if (this.#severed) {
      near.destroy();
      return;
    }
    const far = dial({ port: this.#options.target(number), host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const fault = this.#options.fault?.(number) ?? { kind: 'none' };
    const pair: Pair = { client: near, server: far, fault, inspect: this.#options.inspect?.(number) ?? (() => 'pass') };
    this.#pairs.add(pair);
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => this.#cut(pair, false));
      socket.on('close', () => {
        this.#sockets.delete(socket);
        this.#cut(pair, false);
      });
    }
    for (const side of ['client', 'server'] as const) this.#pump(pair, side).catch(() => this.#cut(pair, false));
  }

  /** Passes on what comes from one side, no faster than the other takes it. */
  async #pump(pair: Pair, side: Side): Promise<void> {
    const from = pair[side];
    const to = pair[side === 'client' ? 'server' : 'client'];
    const { fault } = pair;
    let due = fault.kind !== 'none' && fault.side === side;
    let passed = 0;
    let dripping = 0;
    for await (const chunk of from as AsyncIterable<Buffer>) {
      await this.#held?.promise;
      let rest = chunk;
      if (due && fault.kind !== 'none' && passed + chunk.length > fault.after) {
        due = false;
        await write(to, chunk.subarray(0, fault.after - passed));
        rest = chunk.subarray(fault.after - passed);
        this.counts[fault.kind] += 1;
        if (fault.kind === 'cut') return this.#cut(pair, fault.reset);
        if (fault.kind === 'hush') await once(this.#ended.signal, 'abort');
        else if (fault.kind === 'stall') await setTimeout(fault.ms, undefined, { signal: this.#ended.signal });
        else dripping = fault.bytes;
      }
      for (; dripping > 0 && rest.length > 0; dripping -= 1) {
        await write(to, rest.subarray(0, 1));
        // So that the other side reads it before the next one.
        await setTimeout(1);
        rest = rest.subarray(1);
      }
      const verdict = pair.inspect(rest, side);
      await write(to, rest);
      passed += chunk.length;
      if (verdict === 'cut') {
        this.counts.cut += 1;
        // The other side has all of it before it hears that nobody waits for an answer.
        return this.#cut(pair, false);
      }
    }
    to.end();
  }

  #cut(pair: Pair, reset: boolean): void {
    if (!this.#pairs.delete(pair)) return;
    for (const socket of [pair.client, pair.server]) {
      if (reset) socket.resetAndDestroy();
      else socket.destroySoon();
    }
  }
}

interface Pair {
  client: Socket;
  server: Socket;
  fault: ConnectionFault;
  inspect: Inspector;
}

async function write(to: Socket, bytes: Buffer): Promise<void> {
  if (bytes.length > 0 && !to.write(bytes)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
}
