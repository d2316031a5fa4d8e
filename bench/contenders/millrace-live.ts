// A client of /live, as bare as can be.
import type { EventRange, RunEvent, RunView, ServerFrame } from '@millrace/protocol';
import { SUBPROTOCOL } from '@millrace/protocol/frame';
import { BareWebSocket } from '../harness/bare-websocket.ts';
import type { CheckedEvents } from '../harness/log-reader.ts';

export interface Address {
  port: number;
  token: string;
}

/** `take` gets each message as it comes, of one frame or an array of them. */
export function openLive({ port, token }: Address, take: (payload: Buffer) => void): Promise<BareWebSocket> {
  return BareWebSocket.open({ port, path: `/live?token=${token}`, protocol: SUBPROTOCOL }, take);
}

export function framesOf(payload: Buffer): ServerFrame[] {
  const message = JSON.parse(payload.toString()) as ServerFrame | ServerFrame[];
  return Array.isArray(message) ? message : [message];
}

const RANGE = Buffer.from('{"type":"range"');
const OPEN = '['.charCodeAt(0);

export function beginsWithRange(payload: Buffer): boolean {
  const start = payload[0] === OPEN ? 1 : 0;
  return payload.length > start + RANGE.length && RANGE.compare(payload, start, start + RANGE.length) === 0;
}

/** The events of a message that holds nothing else, each with its seq; fails where a range does not hold what it covers. */
export function eventsOf(payload: Buffer): CheckedEvents {
  const events = framesOf(payload).flatMap((frame) => {
    if (frame.type !== 'range') throw new Error(`Among ranges came a frame ${frame.type}.`);
    return whole(frame);
  });
  return {
    seqs: events.map(({ seq }) => seq),
    numbers: events.map(({ data }) => (data as { metadata?: { n?: number } } | undefined)?.metadata?.n ?? -1),
  };
}

function whole({ seq, through, events }: EventRange): RunEvent[] {
  const first = events[0]?.seq;
  const last = events.at(-1)?.seq;
  if (first !== seq || last !== through || events.length !== through - seq + 1) {
    throw new Error(`A range ${seq}…${through} holds ${events.length} events from ${first} to ${last}.`);
  }
  return events;
}

/** Follows a run without a cursor; answers its view, and the ms from asking for it to having it as an object. */
export async function attach(address: Address, run: string): Promise<{ ms: number; view: RunView }> {
  const { promise: greeted, resolve: greet } = Promise.withResolvers<void>();
  const { promise: seen, resolve: see, reject } = Promise.withResolvers<RunView>();
  const socket = await openLive(address, (payload) => {
    for (const frame of framesOf(payload)) {
      if (frame.type === 'hello') greet();
      else if (frame.type === 'snapshot') see(frame.view);
      else if (frame.type !== 'ok') reject(new Error(`The server said ${payload.toString().slice(0, 500)}`));
    }
  });
  await greeted;
  const asked = performance.now();
  socket.send(JSON.stringify({ type: 'subscribe', id: 1, run }));
  const view = await seen;
  const ms = performance.now() - asked;
  socket.close();
  return { ms, view };
}
