import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { Session } from '../hub/face.ts';
import type { Connection } from './transport.ts';

/** bytes up to which header and text are copied into one piece: one small write is cheaper than two */
const COPIED = 16 * 1024;

/** A WebSocket of a viewer: one object for what `ws`, the hub and the heartbeat know of it. */
export class ViewerSocket extends WebSocket implements Connection {
  /** the socket below; set once, before anything is written */
  below: Duplex | undefined;
  /** set when its bearer is known */
  session: Session | undefined;
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
    if (message.length <= COPIED) {
      below.write(framed(message));
      return;
    }
    below.cork();
    below.write(headerOf(message.length));
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

let lastMessage: Buffer = Buffer.alloc(0);
let lastFrame: Buffer = lastMessage;

/** The message as a frame. Readers of one run are written one after the other, so the last one is mostly the same. */
function framed(message: Buffer): Buffer {
  if (message === lastMessage) return lastFrame;
  lastMessage = message;
  lastFrame = Buffer.concat([headerOf(message.length), message]);
  return lastFrame;
}

const FINAL_TEXT = 0x81;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** The header of a whole, unmasked text frame (RFC 6455, 5.2). */
function headerOf(bytes: number): Buffer {
  if (bytes < LENGTH_16) return Buffer.from([FINAL_TEXT, bytes]);
  if (bytes < 0x1_00_00) return Buffer.from([FINAL_TEXT, LENGTH_16, bytes >> 8, bytes & 0xff]);
  const header = Buffer.alloc(10);
  header[0] = FINAL_TEXT;
  header[1] = LENGTH_64;
  header.writeBigUInt64BE(BigInt(bytes), 2);
  return header;
}
