import { Duplex } from 'node:stream';
import type { Dice } from '../chaos/dice.ts';
import type { Traffic } from './world-clock.ts';

/** What happens to the bytes that a server sends: the connection breaks after so many of them, or they stop coming. */
export interface PipeFate {
  /** bytes until the cut; undefined = none is planned */
  cutAfter?: number;
  /** nothing is taken from the server: it fills up, and the reader sees silence */
  stalled: boolean;
  /** nothing passes either way, and neither end is told */
  mute: boolean;
}

/**
 * One connection between a client (near) and a server (far), as a pair of byte streams in memory. Bytes take a turn of
 * the event loop and arrive in pieces of chance; a cut may fall on any byte.
 */
export class Pipe {
  readonly near: PipeEnd;
  readonly far: PipeEnd;
  readonly fate: PipeFate = { stalled: false, mute: false };
  readonly #dice: Dice;
  readonly #traffic: Traffic;
  #held: (() => void)[] = [];
  #over = false;

  /** `ended` is called once, when the client knows that the connection is gone. */
  constructor(dice: Dice, traffic: Traffic, ended: () => void) {
    this.#dice = dice;
    this.#traffic = traffic;
    this.near = new PipeEnd(this, 'up');
    this.far = new PipeEnd(this, 'down');
    for (const end of [this.near, this.far]) end.on('close', () => this.#left());
    this.near.on('close', ended);
  }

  get open(): boolean {
    return !this.#over;
  }

  /** Breaks the connection: what is under way is lost, and both ends are told. */
  cut(): void {
    if (this.#over) return this.near.hangUp();
    const reset = this.#dice.chance(0.5);
    this.#left();
    for (const end of [this.near, this.far]) {
      if (reset) end.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
      else end.hangUp();
    }
  }

  stall(on: boolean): void {
    this.fate.stalled = on;
    if (!on) for (const go of this.#held.splice(0)) go();
  }

  /** Takes the bytes of one end to the other, and tells when the sender may send more. */
  carry(way: Way, bytes: Buffer, sent: () => void): void {
    if (this.#over || this.fate.mute) return sent();
    if (way === 'down' && this.fate.stalled) {
      this.#held.push(() => this.carry(way, bytes, sent));
      return;
    }
    const piece = this.#dice.chance(0.85) ? bytes.length : this.#dice.between(1, bytes.length);
    this.#traffic.later(1, () => {
      if (!this.#over) this.#arrive(way, bytes.subarray(0, piece));
      if (piece < bytes.length && !this.#over) this.carry(way, bytes.subarray(piece), sent);
      else sent();
    });
  }

  finish(way: Way): void {
    if (this.#over || this.fate.mute) return;
    if (way === 'down' && this.fate.stalled) this.#held.push(() => this.finish(way));
    else this.#traffic.later(1, () => this.#other(way).hangUp());
  }

  #arrive(way: Way, bytes: Buffer): void {
    const { cutAfter } = this.fate;
    if (way === 'up' || cutAfter === undefined) return this.#other(way).arrive(bytes);
    this.#other(way).arrive(bytes.subarray(0, cutAfter));
    this.fate.cutAfter = cutAfter - bytes.length;
    if (this.fate.cutAfter <= 0) this.cut();
  }

  #other(way: Way): PipeEnd {
    return way === 'up' ? this.far : this.near;
  }

  #left(): void {
    if (this.#over) return;
    this.#over = true;
    for (const go of this.#held.splice(0)) go();
    if (this.fate.mute) return;
    // One end is gone: the other hears of it.
    this.#traffic.later(1, () => {
      for (const end of [this.near, this.far]) end.hangUp();
    });
  }
}

/** `down`: from the server to the client */
type Way = 'up' | 'down';

/** A socket of a pipe: enough of one for Node's HTTP and for ws. */
export class PipeEnd extends Duplex {
  readonly remoteAddress = '127.0.0.1';
  readonly pipeline: Pipe;
  readonly #way: Way;
  #hungUp = false;

  constructor(pipeline: Pipe, way: Way) {
    super({ allowHalfOpen: false });
    this.pipeline = pipeline;
    this.#way = way;
    this.on('error', () => {});
  }

  arrive(bytes: Buffer): void {
    if (bytes.length > 0 && !this.#hungUp && !this.destroyed) this.push(bytes);
  }

  hangUp(): void {
    if (this.#hungUp || this.destroyed) return;
    this.#hungUp = true;
    this.push(null);
    // A reader that stands still would never see the end.
    this.resume();
  }

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, sent: () => void): void {
    this.pipeline.carry(this.#way, bytes, sent);
  }

  override _writev(chunks: { chunk: Buffer }[], sent: () => void): void {
    this.pipeline.carry(this.#way, Buffer.concat(chunks.map(({ chunk }) => chunk)), sent);
  }

  override _final(done: () => void): void {
    this.pipeline.finish(this.#way);
    done();
  }
}
