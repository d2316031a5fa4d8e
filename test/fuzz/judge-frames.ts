import {
  type ClientFrame,
  type Cursor,
  filterKey,
  parseCursor,
  type RunEvent,
  type RunFilter,
  type ServerFrame,
} from '@millrace/protocol';
import type { Truth } from './ledger.ts';
import type { Person } from './tokens.ts';
import { difference, type Verdicts } from './verdicts.ts';

/** Where a subscription of one connection stands, by what has arrived. */
interface Place {
  /** of the frame that asked */
  id: number;
  run: string;
  filter: RunFilter | undefined;
  /** undefined = a snapshot has to come first */
  cursor: number | undefined;
  /** a cursor that cannot be served: a gap has to be told before the snapshot */
  lost: boolean;
  /** the list whose events these are */
  list?: number;
}

/**
 * Judges the raw frames of one native connection, one by one as they arrive and before anything is dropped: after its
 * cursor each seq is covered exactly once and in order, by the very events that were committed, or a gap is told
 * that is one, and a snapshot that is the fold of the log follows.
 */
export class FrameJudge {
  readonly #name: string;
  readonly #person: Person;
  readonly #truth: Truth;
  readonly #verdicts: Verdicts;
  #epoch = '';
  readonly #asked = new Map<number, ClientFrame>();
  readonly #places = new Map<string, Place>();
  /** the runs that each list has been told to hold */
  readonly #lists = new Map<number, Set<string>>();
  /** lists whose runs are followed too */
  readonly #followed = new Map<number, Extract<ClientFrame, { type: 'list' }>>();

  constructor(name: string, person: Person, truth: Truth, verdicts: Verdicts) {
    this.#name = name;
    this.#person = person;
    this.#truth = truth;
    this.#verdicts = verdicts;
  }

  sent(text: string): void {
    const frame = JSON.parse(text) as ClientFrame;
    if ('id' in frame) this.#asked.set(frame.id, frame);
  }

  received(text: string): void {
    const message = JSON.parse(text) as ServerFrame | ServerFrame[];
    for (const frame of Array.isArray(message) ? message : [message]) this.#frame(frame);
  }

  /** The connection is gone: nothing more is to be expected of it. */
  closed(): void {
    this.#places.clear();
  }

  /** Subscriptions that are behind what was committed. */
  get behind(): string[] {
    if (this.#epoch !== this.#truth.ledger.epoch) return [];
    const { ledger } = this.#truth;
    const late = [...this.#places].filter(([, { run, cursor, list }]) => {
      const wanted = list === undefined || this.#lists.get(list)?.has(run);
      return wanted && cursor !== ledger.head(run) && !ledger.wasDeleted(run);
    });
    return late.map(([key, { cursor }]) => `${this.#name} has ${key} at ${cursor}`);
  }

  #frame(frame: ServerFrame): void {
    switch (frame.type) {
      case 'hello':
        this.#epoch = frame.epoch;
        return;
      case 'ok':
        return this.#answered(frame);
      case 'error':
        if (frame.key !== undefined) this.#places.delete(frame.key);
        return;
      case 'range':
        return this.#range(frame);
      case 'gap':
        return this.#gap(frame);
      case 'snapshot':
        return this.#snapshot(frame);
      case 'rows':
        this.#lists.set(frame.list, new Set(frame.rows.map(({ id }) => id)));
        for (const row of frame.rows) this.#row(row.id, row.seq);
        return;
      case 'row':
        if (!this.#lists.has(frame.list)) this.#fault('row', `of list ${frame.list} before its rows`);
        this.#lists.get(frame.list)?.add(frame.row.id);
        return this.#row(frame.row.id, frame.row.seq);
      case 'gone':
        if (!this.#lists.get(frame.list)?.delete(frame.run)) this.#fault('gone', `${frame.run} was not in the list`);
    }
  }

  #answered({ id, key, head }: Extract<ServerFrame, { type: 'ok' }>): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (asked?.type === 'unsubscribe') this.#unsubscribed(id, filterKey(asked.run, asked.filter));
    if (asked?.type === 'unlist') this.#lists.delete(asked.list);
    if (asked?.type === 'list' && asked.events) this.#followed.set(id, asked);
    if (asked?.type !== 'subscribe' || (this.#places.get(key ?? '')?.id ?? 0) > id) return;
    const { run, filter, after } = asked;
    const wanted = after === undefined ? undefined : parseCursor(after, this.#epoch);
    if (head === undefined || head > this.#head(run)) this.#fault(run, `head ${head} of ${this.#head(run)}`);
    const lost = wanted !== undefined && (wanted.epoch !== this.#epoch || wanted.seq > this.#head(run));
    this.#places.set(key ?? '', { id, run, filter, cursor: lost ? undefined : wanted?.seq, lost });
  }

  /** Also a subscription that was asked for before, and whose answer comes late. */
  #unsubscribed(id: number, key: string): void {
    this.#places.delete(key);
    for (const [other, asked] of this.#asked) {
      const same = asked.type === 'subscribe' && filterKey(asked.run, asked.filter) === key;
      if (same && other < id) this.#asked.delete(other);
    }
  }

  #range({ key, run, seq, through, events }: Extract<ServerFrame, { type: 'range' }>): void {
    const place = this.#place(key, 'range');
    if (!place) return;
    const here = `range ${seq}–${through} of ${key}`;
    if (place.cursor === undefined) return this.#fault(here, 'came before the snapshot');
    if (seq !== place.cursor + 1) this.#fault(here, `follows ${place.cursor}`);
    if (through < seq) this.#fault(here, 'is empty');
    if (through > this.#head(run)) this.#fault(here, `was not committed beyond ${this.#head(run)}`);
    this.#events(here, run, seq, through, events, place);
    place.cursor = through;
  }

  #gap({ key, run, requested, latest }: Extract<ServerFrame, { type: 'gap' }>): void {
    const place = this.#place(key, 'gap');
    if (!place) return;
    const cursor: Cursor = parseCursor(requested, this.#epoch);
    if (!place.lost) this.#fault(`gap of ${key}`, `there is none: ${requested}, the head is ${this.#head(run)}`);
    if (latest > this.#head(run)) this.#fault(`gap of ${key}`, `latest ${latest} of ${this.#head(run)}`);
    place.lost = false;
    place.cursor = undefined;
    if (cursor.epoch === this.#epoch && cursor.seq <= this.#head(run))
      this.#fault(`gap of ${key}`, 'the cursor is good');
  }

  #snapshot({ key, run, seq, view }: Extract<ServerFrame, { type: 'snapshot' }>): void {
    const place = this.#place(key, 'snapshot');
    if (!place) return;
    const here = `snapshot ${seq} of ${key}`;
    if (place.cursor !== undefined) this.#fault(here, `nobody asked: the reader stands at ${place.cursor}`);
    if (place.lost) this.#fault(here, 'no gap was told');
    if (seq > this.#head(run)) this.#fault(here, `was not committed beyond ${this.#head(run)}`);
    const { hide = [] } = this.#person;
    const found = difference(view, this.#truth.ledger.view(run, seq, { hide, filter: place.filter }, this.#epoch));
    if (found) this.#fault(here, `is not the fold of the log: ${found}`);
    place.cursor = seq;
    place.lost = false;
  }

  #events(here: string, run: string, seq: number, through: number, events: RunEvent[], { filter }: Place): void {
    const { hide = [] } = this.#person;
    const found = difference(events, this.#truth.ledger.seen(run, seq, through, { hide, filter }, this.#epoch));
    if (found) this.#fault(here, `holds other events: ${found}`);
  }

  #row(run: string, seq: number): void {
    if (seq > this.#head(run)) this.#fault(`row of ${run}`, `seq ${seq} was not committed beyond ${this.#head(run)}`);
  }

  #head(run: string): number {
    return this.#truth.ledger.head(run, this.#epoch);
  }

  #place(key: string, what: string): Place | undefined {
    const place = this.#places.get(key) ?? this.#member(key);
    if (!place) this.#fault(`${what} of ${key}`, 'nobody asked for it');
    return place;
  }

  /** A run of a list with events: nobody asks for it by itself, and it begins after the cursor that was named, or with its first event. */
  #member(key: string): Place | undefined {
    const [, run = '', list] = /^(.*)\|(\d+)$/.exec(key) ?? [];
    const asked = this.#followed.get(Number(list));
    if (!asked) return undefined;
    const { epoch, seq } = parseCursor(asked.after?.[run] ?? '0', this.#epoch);
    const lost = epoch !== this.#epoch || seq > this.#head(run);
    const place = { id: asked.id, run, filter: undefined, cursor: lost ? undefined : seq, lost, list: asked.id };
    this.#places.set(key, place);
    return place;
  }

  #fault(where: string, what: string): void {
    this.#verdicts.fault(`${this.#name}, ${where}`, what);
  }
}
