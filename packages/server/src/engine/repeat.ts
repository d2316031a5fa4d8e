import type { Producer } from '@millrace/protocol';
import type { ProducerState } from '../store/store.ts';
import { type Outcome, refuse } from './outcome.ts';

/**
 * What a producer's numbers say before its events are looked at: a repeat (answered with the first answer), a
 * hole, an older term, or nothing (undefined: this is the next append).
 */
export function repeatOf(known: ProducerState | undefined, producer: Producer): Outcome | undefined {
  const { term, sequence } = producer;
  if (known && term < known.term) {
    return refuse('stale_producer', `The producer "${producer.id}" writes with term ${known.term}; ${term} is over.`, {
      term: known.term,
    });
  }
  const last = known?.term === term ? known.sequence : 0;
  if (known && sequence <= last) return { kind: 'repeat', seq: known.seq };
  if (sequence === last + 1) return undefined;
  return refuse('producer_gap', `The producer "${producer.id}" sent ${sequence}; ${last + 1} is expected.`, {
    expected: last + 1,
    received: sequence,
  });
}
