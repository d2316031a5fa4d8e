import type { RunEvent } from './event.ts';
import type { Origin } from './view.ts';

export function originOf({ seq, at, node, step, attempt }: RunEvent): Origin {
  return {
    seq,
    at,
    ...(node === undefined ? {} : { node }),
    ...(step === undefined ? {} : { step }),
    ...(attempt === undefined ? {} : { attempt }),
  };
}
