import { constants, deflateRawSync } from 'node:zlib';
import { Encoder } from 'socket.io-msgpack-parser';
import { BINARY, frameHeader, TEXT } from '../frame-header.ts';
import { PACKET_END } from '../transport.ts';

/** bytes above which a packet is deflated, for whoever can read that */
export const DEFLATED_ABOVE = 8 * 1024;
/** engine.io's mark of a message */
const MESSAGE = '4';
const END = String.fromCharCode(PACKET_END);
/** Socket.IO's mark of an event */
const EVENT = 2;
/**
 * The event that tells a client where it stands: those that can recover hand its last argument back, all others do not
 * listen for it. As a last argument of the events themselves it would break listeners that take so many and no more.
 */
const POSITION = 'position';
const msgpack = new Encoder();

/** What an engine.io connection is given for one write. */
export interface Sendable {
  readonly data: string | Buffer | undefined;
  readonly options: { compress: boolean; wsPreEncodedFrame?: [Buffer] };
}

/** Bytes of one write, for all sockets of a namespace that are given the same: each form is built when first asked for. */
export interface Batch {
  readonly packets: number;
  /** for a WebSocket: every packet's frame in one piece */
  framed(deflated: boolean): Sendable;
  /** for whoever polls, who may be about to become a WebSocket: one by one */
  polled(): readonly Sendable[];
}

/** How a namespace's packets are spelled in one of Socket.IO's two formats. */
export interface Spelling {
  batch(message: Buffer, offset: string | undefined): Batch;
}

/** Socket.IO's default format. */
export function jsonSpelling(namespace: string): Spelling {
  const head = `${MESSAGE}${EVENT}${namespace === '/' ? '' : `${namespace},`}`;
  return remembered((message, offset) => {
    const texts = packetsOf(message, offset);
    const payloads = () => texts.map((text) => Buffer.from(head + text));
    let polled: Sendable[] | undefined;
    return {
      packets: texts.length,
      framed: framesOf(payloads, TEXT),
      polled() {
        // engine.io puts its own mark before each.
        polled ??= payloads().map((payload) => ({
          data: payload.toString('utf8', MESSAGE.length),
          options: { compress: true, wsPreEncodedFrame: [Buffer.concat([frameHeader(payload.length), payload])] },
        }));
        return polled;
      },
    };
  });
}

/** MessagePack. */
export function msgpackSpelling(namespace: string): Spelling {
  return remembered((message, offset) => {
    const packets = packetsOf(message, offset).map((text) =>
      bytesOf({ type: EVENT, nsp: namespace, data: contentOf(text) }),
    );
    return {
      packets: packets.length,
      framed: framesOf(() => packets, BINARY),
      polled: () => packets.map((data) => ({ data, options: { compress: true } })),
    };
  });
}

/** The client's library reads integers of 64 bits: larger ones go as text, for else it would read another number. */
function contentOf(text: string): unknown {
  if (!MAYBE_LARGE.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value: unknown) =>
    Number.isInteger(value) && Math.abs(value as number) >= 2 ** 63 ? String(value) : value,
  );
}

const MAYBE_LARGE = /\d{19}|\de\+?\d/i;

/** Readers of one run are written one after the other, so the last batch is mostly the one that is wanted. */
function remembered(make: (message: Buffer, offset: string | undefined) => Batch): Spelling {
  let last: { message: Buffer; offset: string | undefined; batch: Batch } | undefined;
  return {
    batch(message, offset) {
      if (last?.message !== message || last.offset !== offset) last = { message, offset, batch: make(message, offset) };
      return last.batch;
    },
  };
}

function packetsOf(message: Buffer, offset: string | undefined): string[] {
  const texts = message.length === 0 ? [] : message.toString().split(END);
  if (offset !== undefined) texts.push(JSON.stringify([POSITION, offset]));
  return texts;
}

function framesOf(payloads: () => Buffer[], kind: number): Batch['framed'] {
  const made: { plain?: Sendable; deflated?: Sendable } = {};
  const frame = (payload: Buffer, deflated: boolean) => {
    const body = deflated && payload.length > DEFLATED_ABOVE ? deflate(payload) : undefined;
    return [frameHeader((body ?? payload).length, kind, body !== undefined), body ?? payload];
  };
  const send = (deflated: boolean): Sendable => {
    const bytes = Buffer.concat(payloads().flatMap((payload) => frame(payload, deflated)));
    return { data: undefined, options: { compress: false, wsPreEncodedFrame: [bytes] } };
  };
  const plain = () => {
    made.plain ??= send(false);
    return made.plain;
  };
  return (deflated) => {
    if (!deflated) return plain();
    made.deflated ??= payloads().some(({ length }) => length > DEFLATED_ABOVE) ? send(true) : plain();
    return made.deflated;
  };
}

/** One message as RFC 7692 has it: without the four bytes that end every flush. */
function deflate(payload: Buffer): Buffer {
  return deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

function bytesOf(packet: object): Buffer {
  const [bytes] = msgpack.encode(packet) as unknown as [Buffer];
  return bytes;
}
