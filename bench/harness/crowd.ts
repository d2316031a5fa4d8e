import { Histogram } from './histogram.ts';
import { LogReader } from './log-reader.ts';
import type { OnClose } from './server-process.ts';
import { seeded } from './statistics.ts';
import type { Wire } from './wire.ts';

/** events of one request in a saturated log, and how many such requests are on their way at once */
export const BATCH = 32;
export const REQUESTS = 12;
/** A rate is sustained where 99 % of the deliveries, and after the last offer all of them, came within so many ms. */
export const SUSTAINED_MS = 250;
/** of a measurement's time, as much before it counts for nothing */
const WARM = 0.25;
/** ms between two requests of a steady rate, where that gives each at least one event */
const TICK = 10;
/** events that are offered at least, however few a second */
const LEAST_EVENTS = 20;
/** ms that everything may take to arrive after the last event was offered */
const PATIENCE = 30_000;
/** numbers whose offering is remembered */
const REMEMBERED = 2 ** 20;

export interface Measured {
  /** events a second that were offered */
  rate: number;
  /** deliveries a second */
  deliveries: number;
  /** ms from the time at which an event was due to its arrival at a subscriber */
  p50: number;
  p99: number;
  /** ms that the last event took to arrive everywhere */
  tail: number;
  /** share of one core */
  serverCpu: number;
  loadCpu: number;
}

/** Subscribers of one log, and the producer that writes it. */
export class Crowd {
  readonly #wire: Wire;
  readonly #readers: LogReader[] = [];
  readonly #offered = new Float64Array(REMEMBERED);
  #histogram = new Histogram();
  /** numbers from this one on are counted */
  #from = Number.POSITIVE_INFINITY;
  #next = 0;
  /** by a batch's last number: how many subscribers have yet to get it, and what waits for that */
  #waiting = new Map<number, { left: number; done: () => void }>();

  static async gather(wire: Wire, subscribers: number, onClose: OnClose): Promise<Crowd> {
    const crowd = new Crowd(wire);
    for (let place = 0; place < subscribers; place++) {
      const reader = new LogReader((n, now) => crowd.#delivered(n, now));
      crowd.#readers.push(reader);
      const follower = await wire.follow(0, reader);
      onClose(() => follower.close());
    }
    return crowd;
  }

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** events that every subscriber has got */
  get events(): number {
    return this.#next;
  }

  /**
   * A steady stream of `rate` events a second, whatever becomes of them: every 10 ms what is due or, where that would be
   * less than one, one by one; with a seed one by one at chance times.
   */
  async offer(load: { rate: number; seconds: number; seed?: number; bytes?: number }): Promise<Measured> {
    const { rate, seed, bytes } = load;
    const chance = seed === undefined ? undefined : seeded(seed);
    const step = Math.max(TICK, 1_000 / rate);
    const began = performance.now();
    const ms = Math.max(load.seconds, LEAST_EVENTS / rate) * 1_000;
    const starts = began + WARM * ms;
    const ends = starts + ms;
    const arrivals: Promise<void>[] = [];
    let counted: ReturnType<Crowd['count']> | undefined;
    let offered = 0;
    for (let due = began; due < ends; ) {
      due += chance ? (-Math.log(1 - chance()) * 1_000) / rate : step;
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      if (due >= starts) counted ??= this.count();
      const count = chance ? 1 : Math.round(((due - began) * rate) / 1_000) - offered;
      offered += count;
      if (count > 0) arrivals.push(this.send(count, due, bytes));
    }
    const last = performance.now();
    await inTime(Promise.all(arrivals));
    const tail = performance.now() - last;
    const figures = (counted ?? this.count())();
    return { ...figures, rate, tail };
  }

  /** As much as goes through while {@link REQUESTS} requests of {@link BATCH} events are on their way to everybody. */
  async saturate(seconds: number): Promise<Measured> {
    const ms = seconds * 1_000;
    const ends = performance.now() + (1 + WARM) * ms;
    const produce = async () => {
      while (performance.now() < ends) await this.send(BATCH, performance.now());
    };
    const producing = Promise.all(Array.from({ length: REQUESTS }, produce));
    await new Promise((resolve) => setTimeout(resolve, WARM * ms));
    const counted = this.count();
    await new Promise((resolve) => setTimeout(resolve, ms));
    const figures = counted();
    await inTime(producing);
    return { ...figures, rate: figures.deliveries / this.#readers.length, tail: 0 };
  }

  /** Offers events that were due at `due`; resolves when everybody has them. */
  send(count: number, due: number, bytes?: number): Promise<void> {
    const first = this.#next;
    this.#next += count;
    for (let n = first; n < this.#next; n++) this.#offered[n % REMEMBERED] = due;
    return new Promise((resolve, reject) => {
      this.#waiting.set(this.#next - 1, { left: this.#readers.length, done: resolve });
      this.#wire.publish(0, first, count, bytes).catch(reject);
    });
  }

  /** Begins to count; what it answers ends that. */
  count(): () => Omit<Measured, 'rate' | 'tail'> {
    this.#histogram = new Histogram();
    this.#from = this.#next;
    const began = performance.now();
    const cpu = () => this.#wire.servers.reduce((sum, server) => sum + server.cpu, 0);
    const serverBefore = cpu();
    const loadBefore = process.cpuUsage();
    return () => {
      const ms = performance.now() - began;
      const histogram = this.#histogram;
      const { user, system } = process.cpuUsage(loadBefore);
      return {
        deliveries: (histogram.total * 1_000) / ms,
        ...{ p50: histogram.quantile(0.5), p99: histogram.quantile(0.99) },
        ...{ serverCpu: (cpu() - serverBefore) / ms / 1_000, loadCpu: (user + system) / ms / 1_000 },
      };
    };
  }

  #delivered(n: number, now: number): void {
    if (n >= this.#from) this.#histogram.add(now - (this.#offered[n % REMEMBERED] as number));
    const waiting = this.#waiting.get(n);
    if (waiting === undefined) return;
    waiting.left -= 1;
    if (waiting.left > 0) return;
    this.#waiting.delete(n);
    waiting.done();
  }
}

async function inTime(all: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Events were still missing after ${PATIENCE} ms.`)), PATIENCE);
  });
  try {
    await Promise.race([all, late]);
  } finally {
    clearTimeout(timer);
  }
}
