import { type EventPage, parseCursor, type RunEvent } from '@millrace/protocol';
import type { Truth } from './ledger.ts';
import type { Asked } from './network.ts';
import type { Person } from './tokens.ts';
import { difference, type Verdicts } from './verdicts.ts';

interface Case {
  name: string;
  person: Person;
  truth: Truth;
  verdicts: Verdicts;
}

/** Judges what one answer of `GET /api/runs/{id}/events` says, piece by piece as it arrives. */
export interface AnswerJudge {
  body(piece: string): void;
  /** the answer came to its proper end */
  whole(): void;
}

const pathOfEvents = /^\/api\/runs\/([^/]+)\/events$/;

/** undefined = the request is not about events, or was refused. */
export function answerJudge(asked: Asked, status: number, about: Case): AnswerJudge | undefined {
  const [, run] = pathOfEvents.exec(asked.url.pathname) ?? [];
  if (run === undefined || status !== 200 || asked.method !== 'GET') return undefined;
  const after = asked.headers['last-event-id'] ?? asked.url.searchParams.get('after') ?? '0';
  const { epoch, seq } = parseCursor(after, about.truth.ledger.epoch);
  const streams = asked.headers.accept === 'text/event-stream';
  return streams ? new StreamJudge(run, epoch, seq, about) : new PageJudge(run, epoch, seq, about);
}

/** One page: it begins after the cursor, and holds the events of its range as they were committed. */
class PageJudge implements AnswerJudge {
  readonly #run: string;
  readonly #epoch: string;
  readonly #after: number;
  readonly #about: Case;
  #text = '';

  constructor(run: string, epoch: string, after: number, about: Case) {
    this.#run = run;
    this.#epoch = epoch;
    this.#after = after;
    this.#about = about;
  }

  body(piece: string): void {
    this.#text += piece;
  }

  whole(): void {
    const { seq, through, events, next, head } = JSON.parse(this.#text) as EventPage;
    const { name, person, truth, verdicts } = this.#about;
    const { ledger } = truth;
    const here = `${name}, page ${seq}–${through} of ${this.#run}`;
    const committed = ledger.head(this.#run, this.#epoch);
    if (seq !== this.#after + 1) verdicts.fault(here, `follows ${this.#after}`);
    if (through > committed || head > committed) verdicts.fault(here, `head ${head} of ${committed}`);
    if (next !== `${this.#epoch}:${through}`) verdicts.fault(here, `the next one is ${next}`);
    if (through < head && through < seq) verdicts.fault(here, `is empty, and the head is ${head}`);
    const { hide = [] } = person;
    const found = difference(events, ledger.seen(this.#run, seq, through, { hide }, this.#epoch));
    if (found) verdicts.fault(here, `holds other events: ${found}`);
  }
}

/** One stream: each seq once and in order, as data or, where the reader may not see it, below an id that comes alone. */
class StreamJudge implements AnswerJudge {
  readonly #run: string;
  readonly #about: Case;
  #epoch: string;
  #cursor: number;
  #rest = '';
  /** a gap was told, and the snapshot has not come yet */
  #lost = false;

  constructor(run: string, epoch: string, after: number, about: Case) {
    this.#run = run;
    this.#epoch = epoch;
    this.#cursor = after;
    this.#about = about;
  }

  body(piece: string): void {
    const messages = (this.#rest + piece).split('\n\n');
    this.#rest = messages.pop() ?? '';
    for (const message of messages) this.#message(message);
  }

  whole(): void {}

  #message(message: string): void {
    const fields = new Map(message.split('\n').map((line) => this.#field(line)));
    const event = fields.get('event');
    if (event === 'gap') return this.#gap();
    const id = fields.get('id');
    if (id === undefined) return;
    const { epoch, seq } = parseCursor(id, this.#epoch);
    const { name, person, truth, verdicts } = this.#about;
    const { ledger } = truth;
    const here = `${name}, stream of ${this.#run} at ${id}`;
    if (event === 'snapshot') return this.#snapshot(here, epoch, seq, fields.get('data') ?? '');
    if (this.#lost) verdicts.fault(here, 'a snapshot should have come');
    if (epoch !== this.#epoch) verdicts.fault(here, `the epoch was ${this.#epoch}`);
    if (seq <= this.#cursor) verdicts.fault(here, `follows ${this.#cursor}`);
    if (seq > ledger.head(this.#run, epoch)) verdicts.fault(here, 'was not committed');
    const data = fields.get('data');
    const events = data === undefined ? [] : [JSON.parse(data) as RunEvent];
    const { hide = [] } = person;
    const found = difference(events, ledger.seen(this.#run, this.#cursor + 1, seq, { hide }, epoch));
    if (found) verdicts.fault(here, `holds other events: ${found}`);
    this.#cursor = seq;
  }

  #gap(): void {
    const { name, truth, verdicts } = this.#about;
    const { ledger } = truth;
    const good = this.#epoch === ledger.epoch && this.#cursor <= ledger.head(this.#run);
    if (good) verdicts.fault(`${name}, stream of ${this.#run}`, `a gap at ${this.#cursor}, which is none`);
    this.#lost = true;
  }

  #snapshot(here: string, epoch: string, seq: number, data: string): void {
    const { person, truth, verdicts } = this.#about;
    const { ledger } = truth;
    if (!this.#lost) verdicts.fault(here, 'nobody asked for a snapshot');
    const { view } = JSON.parse(data) as { view: unknown };
    const found = difference(view, ledger.view(this.#run, seq, { hide: person.hide ?? [] }, epoch));
    if (found) verdicts.fault(here, `is not the fold of the log: ${found}`);
    this.#epoch = epoch;
    this.#cursor = seq;
    this.#lost = false;
  }

  #field(line: string): [string, string] {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
  }
}
