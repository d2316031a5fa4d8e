import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { Allowance } from './allowance.ts';
import { frameHeader } from './frame-header.ts';
import { type Connection, PACKET_END, type SocketEnd } from './transport.ts';

/** messages of a client at once, and per second from then on; those above are refused */
const MESSAGE_BURST = 1_000;
const MESSAGE_RATE = 100;
/** so many for each of them: whoever sends more is cut */
const FLOOD = 5;
/** bytes up to which header and text are copied into one piece: one small write is cheaper than two */
const COPIED = 16 * 1024;

/** A WebSocket of a viewer: one object for what `ws`, the hub and the heartbeat know of it. */
export class ViewerSocket extends WebSocket implements Connection {
  /** the socket below; set once, before anything is written */
  below: Duplex | undefined;
  /** true = what is written are packets, and each goes out as a message of its own */
  packets = false;
  /** path and query that it was asked for under; set once */
  target = '';
  /** set when its bearer is known */
  end: SocketEnd | undefined;
  /** messages that are taken, and those that are at least refused before it is cut */
  readonly rate = new Allowance(MESSAGE_BURST, MESSAGE_RATE, 0);
  readonly flood = new Allowance(FLOOD * MESSAGE_BURST, FLOOD * MESSAGE_RATE, 0);
  /** what arrived while the token was being verified; undefined = no token has come yet */
  early: string[] | undefined;
  earlyBytes = 0;
  /** heartbeats since the last sign of life */
  missed = 0;
  /** heartbeats since it last took everything in */
  blocked = 0;
  /** when the next heartbeat is due, in ms since the epoch */
  beatAt = 0;

  get kind(): 'websocket' {
    return 'websocket';
  }

  get open(): boolean {
    return this.readyState === WebSocket.OPEN;
  }

  /** Writes past `ws`, which would build the same frame once per reader. Nothing is compressed, so it holds nothing back. */
  write(message: Buffer): void {
    const { below } = this;
    if (!this.open || !below) return;
    if (this.packets) {
      below.write(packetFrames(message));
      return;
    }
    if (message.length <= COPIED) {
      below.write(framed(message));
      return;
    }
    below.cork();
    below.write(frameHeader(message.length));
    below.write(message);
    below.uncork();
  }

  buffered(): number {
    return this.bufferedAmount;
  }

  onDrain(listener: () => void): void {
    if (this.below?.writableNeedDrain) this.below.once('drain', listener);
    else setImmediate(listener);
  }
}

/**
 * What is written until the end of this turn leaves in one system call: those are most of what connecting costs.
 * Microtasks first: a tick that one of them asks for comes when there are none left.
 */
export function gatherWrites(below: Duplex): void {
  if (below.writableCorked > 0) return;
  below.cork();
  queueMicrotask(() => process.nextTick(() => below.uncork()));
}

let lastMessage: Buffer = Buffer.alloc(0);
let lastFrame: Buffer = lastMessage;

/** The message as a frame. Readers of one run are written one after the other, so the last one is mostly the same. */
function framed(message: Buffer): Buffer {
  if (message === lastMessage) return lastFrame;
  lastMessage = message;
  lastFrame = Buffer.concat([frameHeader(message.length), message]);
  return lastFrame;
}

/** A message of packets as one frame for each. */
function packetFrames(message: Buffer): Buffer {
  if (message === lastMessage) return lastFrame;
  const parts: Buffer[] = [];
  for (let from = 0; from < message.length; ) {
    const end = message.indexOf(PACKET_END, from);
    const packet = message.subarray(from, end < 0 ? message.length : end);
    parts.push(frameHeader(packet.length), packet);
    from += packet.length + 1;
  }
  lastMessage = message;
  lastFrame = Buffer.concat(parts);
  return lastFrame;
}
