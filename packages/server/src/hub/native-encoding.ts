import type { ServerFrame } from '@millrace/protocol';
import type { Encoding } from './face.ts';

/** The native wire: one JSON frame a message, several of one turn as a JSON array. Events keep their stored text. */
export const nativeEncoding: Encoding = {
  name: 'native',
  range: ({ run, seq, through, text }, key) =>
    Buffer.from(
      `{"type":"range","key":${JSON.stringify(key)},"run":${JSON.stringify(run)},"seq":${seq},"through":${through},"events":[${text}]}`,
    ),
  snapshot: ({ key, run, seq }, view) =>
    Buffer.from(
      `{"type":"snapshot","key":${JSON.stringify(key)},"run":${JSON.stringify(run)},"seq":${seq},"view":${view}}`,
    ),
  gap: ({ key, run }, gap) => frameBytes({ type: 'gap', key, run, ...gap }),
  problem: (problem, key) => frameBytes({ type: 'error', key, problem }),
  bye: (reason, problem) => frameBytes({ type: 'bye', reason, problem }),
  join(messages) {
    const parts = messages.flatMap((message, place) => [place === 0 ? OPEN : COMMA, message]);
    return Buffer.concat([...parts, CLOSE]);
  },
};

export function frameBytes(frame: ServerFrame): Buffer {
  return Buffer.from(JSON.stringify(frame));
}

const OPEN = Buffer.from('[');
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from(']');
