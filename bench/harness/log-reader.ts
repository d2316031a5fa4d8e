/** What a load wants to know of each delivery: the event's number, and when it came (ms, monotonic). */
export type Delivered = (n: number, now: number) => void;

/** One subscriber's account of its log: every seq once and in order, or the round fails. */
export class LogReader {
  /** The seq that has to come next. A server that cannot say where its log stands begins with whatever it likes. */
  next: number | undefined;
  readonly #delivered: Delivered;

  constructor(delivered: Delivered) {
    this.#delivered = delivered;
  }

  take(seq: number, n: number, now: number): void {
    this.next ??= seq;
    if (seq !== this.next) throw new Error(`Instead of seq ${this.next} came ${seq}.`);
    this.next += 1;
    if (n >= 0) this.#delivered(n, now);
  }

  /** A whole message that was checked, once. */
  takeAll({ seqs, numbers }: CheckedEvents, now: number): void {
    for (let place = 0; place < seqs.length; place++) this.take(seqs[place] as number, numbers[place] as number, now);
  }
}

/** The events of a message: their seqs, and their producer's numbers (-1 where a log's event has none). */
export interface CheckedEvents {
  seqs: readonly number[];
  numbers: readonly number[];
}

/** of a message: what tells two different ones apart before they are compared whole */
const KEY_BYTES = 160;
const KEPT = 1_024;
/** smaller messages are read faster than they are looked up */
const SMALL = 1_024;

/**
 * Messages that many subscribers get are parsed once: one that has the very bytes of a message that was parsed holds
 * the same events. So each subscriber's every event is checked, at the price of comparing memory.
 */
export class CheckedMessages {
  readonly #parse: (bytes: Buffer) => CheckedEvents;
  #checked = new Map<string, { bytes: Buffer; events: CheckedEvents }>();

  constructor(parse: (bytes: Buffer) => CheckedEvents) {
    this.#parse = parse;
  }

  check(bytes: Buffer): CheckedEvents {
    if (bytes.length < SMALL) return this.#parse(bytes);
    const key = bytes.toString('latin1', 0, KEY_BYTES);
    const seen = this.#checked.get(key);
    if (seen?.bytes.equals(bytes)) return seen.events;
    const events = this.#parse(bytes);
    this.#checked.set(key, { bytes: Buffer.from(bytes), events });
    const [oldest] = this.#checked.keys();
    if (oldest !== undefined && this.#checked.size > KEPT) this.#checked.delete(oldest);
    return events;
  }
}
