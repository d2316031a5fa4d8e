import type { Clock } from '@millrace/protocol';
import {
  type ClientFrame,
  HEARTBEAT_MS,
  type ListQuery,
  parseCursor,
  type ServerFrame,
  SUBPROTOCOL,
} from '@millrace/protocol';
import type { Network } from './network.ts';
import { type Person, tokenOf } from './tokens.ts';
import { type JudgedBy, JudgingTap } from './wire-tap.ts';

type Frame<T extends ServerFrame['type']> = Extract<ServerFrame, { type: T }>;

/**
 * Somebody who speaks the native frames without our client: follows a list and the events of all its runs over a bare
 * WebSocket, by the reader's one rule, and comes back with its cursors.
 */
export class Bystander {
  readonly name: string;
  readonly person: Person;
  readonly query: ListQuery;
  /** by run */
  readonly cursors = new Map<string, string>();
  /** runs of the list, as far as it was told */
  readonly rows = new Set<string>();
  readonly tap: JudgingTap;
  readonly #clock: Clock;
  readonly #WebSocket: typeof WebSocket;
  #over = false;
  #epoch = '';
  #lists = 0;

  constructor(about: JudgedBy & { query: ListQuery; clock: Clock; network: Network }) {
    this.name = about.name;
    this.person = about.person;
    this.query = about.query;
    this.#clock = about.clock;
    this.tap = new JudgingTap(about);
    this.#WebSocket = about.network.environment(about.name, this.tap).WebSocket;
  }

  connect(): void {
    const socket = new this.#WebSocket('ws://millrace.test/live', SUBPROTOCOL);
    const send = (frame: ClientFrame) => socket.send(JSON.stringify(frame));
    socket.onopen = () => send({ type: 'hello', token: tokenOf(this.person, this.#clock.now() + 60_000, 0) });
    socket.onmessage = ({ data }) => {
      heard = true;
      const message = JSON.parse(String(data)) as ServerFrame | ServerFrame[];
      for (const frame of Array.isArray(message) ? message : [message]) this.#take(frame, send);
    };
    let heard = true;
    let cancelBeat = () => {};
    const again = () => {
      cancelBeat();
      socket.onclose = null;
      socket.onmessage = null;
      socket.close();
      if (!this.#over) this.#clock.after(300, () => this.connect());
    };
    const beat = () => {
      cancelBeat = this.#clock.after(HEARTBEAT_MS, () => {
        if (!heard) return again();
        heard = false;
        if (socket.readyState === socket.OPEN) send({ type: 'ping', at: this.#clock.now() });
        beat();
      });
    };
    beat();
    socket.onclose = again;
    socket.onerror = () => {};
  }

  leave(): void {
    this.#over = true;
  }

  #take(frame: ServerFrame, send: (frame: ClientFrame) => void): void {
    switch (frame.type) {
      case 'hello':
        this.#epoch = frame.epoch;
        this.#lists += 1;
        return send({
          ...{ type: 'list', id: this.#lists, query: this.query, events: true },
          after: Object.fromEntries(this.cursors),
        });
      case 'rows':
        this.rows.clear();
        for (const { id } of frame.rows) this.rows.add(id);
        return;
      case 'row':
        this.rows.add(frame.row.id);
        return;
      case 'gone':
        this.rows.delete(frame.run);
        return;
      case 'snapshot':
        this.cursors.set(frame.run, `${this.#epoch}:${frame.seq}`);
        return;
      case 'range':
        return this.#range(frame);
    }
  }

  #range({ run, seq, through }: Frame<'range'>): void {
    const cursor = parseCursor(this.cursors.get(run) ?? '0', this.#epoch);
    const next = cursor.epoch === this.#epoch ? cursor.seq + 1 : 1;
    if (seq <= next && next <= through) this.cursors.set(run, `${this.#epoch}:${through}`);
  }
}
