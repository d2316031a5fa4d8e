import type { Problem, RunEvent, RunView } from '@millrace/protocol';
import { type Dialect, type Message, tell } from '@millrace/protocol/dialects/dialect';
import type { TaleEncoding } from '../hub/face.ts';
import { PACKET_END } from '../transport/transport.ts';

/** How a dialect's messages become packets of its transport; '' = nothing is said. */
export interface PacketForm {
  packet(message: Message): string;
  problem(problem: Problem, key: string): string;
  bye?(reason: string, problem: Problem): string;
}

const END = String.fromCharCode(PACKET_END);
const NOTHING = Buffer.alloc(0);

/** The hub's words in a dialect. A range's packets are built once, for all who follow the run in it. */
export function packetEncoding(dialect: Dialect, form: PacketForm): TaleEncoding {
  const bytes = (messages: readonly Message[]) =>
    messages.length === 0 ? NOTHING : Buffer.from(messages.map(form.packet).join(END));
  return {
    name: dialect.name,
    tale(range, _key, before) {
      // Every holder of the view before goes on from it: what changes is copied.
      const { view, messages } = tell(dialect, before, JSON.parse(`[${range.text}]`) as RunEvent[], new WeakSet());
      return { message: bytes(messages), view };
    },
    snapshot: (_place, view) => bytes(dialect.state?.(JSON.parse(view) as RunView) ?? []),
    gap: () => NOTHING,
    problem: (problem, key) => Buffer.from(form.problem(problem, key)),
    bye: (reason, problem) => Buffer.from(form.bye?.(reason, problem) ?? ''),
    join: joinPackets,
  };
}

/** A packet as Socket.IO's namespaces are given it. */
export function eventPacket(event: string, data: unknown): string {
  return JSON.stringify([event, data]);
}

export function joinPackets(messages: readonly Buffer[]): Buffer {
  const parts = messages.flatMap((message, place) => (place === 0 ? [message] : [SEPARATOR, message]));
  return Buffer.concat(parts);
}

const SEPARATOR = Buffer.from([PACKET_END]);
