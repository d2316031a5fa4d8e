import {
  emptyView,
  fold,
  isControl,
  isTerminal,
  type NewEvent,
  type RunEvent,
  type RunView,
  type ServerFrame,
  summarise,
} from '@millrace/protocol';
import { afterEach, expect, vi } from 'vitest';
import type { Principal } from '../auth/auth.ts';
import { type Bus, type BusMessage, topics } from '../bus/bus.ts';
import { LocalBus } from '../bus/bus-local.ts';
import { SimulatedClock } from '../clock.ts';
import { noMetrics } from '../metrics/metrics.ts';
import { eventText, type Part, type Store } from '../store/store.ts';
import { MemoryStore } from '../store/store-memory.ts';
import type { Connection } from '../transport/transport.ts';
import type { Hub, HubOptions } from './face.ts';
import { createHub } from './hub.ts';
import { Questions } from './questions.suite.ts';

export interface WriterBus extends Bus {
  /** Where listeners are elsewhere: resolves when they hear what is published, and have heard what was. */
  arrived?(): Promise<void>;
}

/** Makes a writer over an empty store. */
export type OpenWriter = () => LogWriter | Promise<LogWriter>;

/** Writers that are closed after each test, and their hubs with them. */
export function writers(open: OpenWriter): () => Promise<LogWriter> {
  const opened: LogWriter[] = [];
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const writer of opened.splice(0)) await writer.close();
  });
  return async () => {
    const writer = await open();
    opened.push(writer);
    return writer;
  };
}

/** Writes logs as the engine does: commit, then publish, in one turn. What the hub's tests follow. */
export class LogWriter {
  readonly store: Store;
  readonly bus: WriterBus;
  readonly clock: SimulatedClock;
  /** true = the bus loses everything */
  losing = false;
  /** the boot that commits, and its next batch's number less one */
  server = 'boot';
  batches = 0;
  readonly #views = new Map<string, RunView>();
  readonly #hubs: Hub[] = [];
  readonly #questions: Questions;

  constructor(store: Store = new MemoryStore('e2'), bus: WriterBus = new LocalBus(), clock = new SimulatedClock()) {
    this.store = store;
    this.bus = bus;
    this.clock = clock;
    this.#questions = new Questions(store);
  }

  /** A hub over this log, by default of the server that writes. */
  hub(about: Partial<Pick<HubOptions, 'auth' | 'submit' | 'server'>> = {}): Hub {
    const { store, bus, clock } = this;
    const auth = { verify: async () => principal() };
    const others = { metrics: noMetrics, server: 'boot', auth, submit: async () => ({ seq: 0 }) };
    const hub = createHub({ store, bus, clock, ...others, ...about });
    this.#hubs.push(hub);
    return hub;
  }

  /** A hub beside new runs: it has looked back on their creation, and what is written from now on is new to it. */
  async hubBeside(...runs: string[]): Promise<Hub> {
    const hub = this.hub();
    for (const run of runs) await this.create(run);
    await hub.recheck();
    return hub;
  }

  /** The cursor of who has read so far. */
  cursor(seq: number): string {
    return `${this.store.epoch}:${seq}`;
  }

  /** Resolves when all that follows from what was done has happened. */
  async settled(): Promise<void> {
    // An answer may be followed by a subscription, and that by a question.
    await this.#questions.settled();
    if (!this.bus.arrived) return;
    await this.bus.arrived();
    await this.#questions.settled();
  }

  async close(): Promise<void> {
    for (const hub of this.#hubs) hub.stop('the test is over');
    await this.settled();
    await this.bus.close();
    await this.store.close();
  }

  create(
    run: string,
    about: { owner?: string; tags?: string[]; workflow?: string; queue?: string } = {},
  ): Promise<void> {
    const { owner = 'ada', tags = [], workflow = 'demo', queue } = about;
    const data = { workflow, nodes: [{ id: 'a', task: 'work' }], input: { secret: 1 }, owner, tags, external: true };
    return this.append(run, [{ type: 'run.created', data }], queue);
  }

  logs(run: string, count: number): Promise<void> {
    return this.append(
      run,
      Array.from({ length: count }, (_, place) => logLine(`line ${place} "{}\\"`)),
    );
  }

  append(run: string, events: NewEvent[], queue?: string): Promise<void> {
    return this.appendAll([{ run, events, ...(queue === undefined ? {} : { queue }) }]);
  }

  /** As one flush: one commit, then one publishing. */
  async appendAll(parts: readonly { run: string; events: NewEvent[]; queue?: string }[]): Promise<void> {
    await this.bus.arrived?.();
    const at = this.clock.now();
    const drafts = parts.map(({ run, events, queue }) => this.#draft(run, events, at, queue));
    this.batches += 1;
    const answer = await this.store.commit({
      server: this.server,
      n: this.batches,
      at,
      parts: drafts.map(({ part }) => part),
    });
    expect(answer.parts).toEqual(drafts.map(({ first }) => ({ ok: true, first, at })));
    for (const { view } of drafts) this.#views.set(view.control.run, view);
    if (this.losing) return;
    this.bus.publish(drafts.flatMap(({ messages }) => messages));
    await this.bus.arrived?.();
  }

  #draft(run: string, events: NewEvent[], at: number, queue?: string): Draft {
    const key = { tenant: 't', run };
    const before = this.#views.get(run) ?? emptyView(run);
    const texts = events.map((event, place) => eventText(before.seq + place + 1, at, tail(event)));
    const view = structuredClone(before);
    for (const text of texts) fold(view, JSON.parse(text) as RunEvent);
    const ended = isTerminal(view.control.status);
    const queued = queue === undefined ? {} : { queue };
    const summary = summarise(view.control, view.seq, at);
    const moved = events.some(({ type }) => isControl(type));
    const first = before.seq + 1;
    const told: BusMessage[] = [
      { kind: 'events', topic: topics.run('t', run), ...key, seq: first, through: view.seq, text: texts.join(), ended },
    ];
    const row: BusMessage[] = [{ kind: 'row', topic: topics.rows('t'), tenant: 't', row: summary, ...queued }];
    return {
      view,
      first,
      part: {
        ...key,
        fence: before.seq === 0 ? 'new' : { ctl: before.control.ctl },
        events: events.map((event) => ({ type: event.type, control: isControl(event.type), text: tail(event) })),
        ...(moved ? { row: { status: view.control.status, ended, summary, ...queued } } : {}),
      },
      messages: moved ? [...told, ...row] : told,
    };
  }

  view(run: string): RunView {
    return this.#views.get(run) as RunView;
  }

  head(run: string): number {
    return this.#views.get(run)?.seq ?? 0;
  }

  async texts(run: string): Promise<string> {
    return (await this.store.readLog({ tenant: 't', run }, 0, { events: 1e9, bytes: 1e9 }))?.text ?? '';
  }
}

/** What one run's events come to. */
interface Draft {
  view: RunView;
  /** seq of the first of them */
  first: number;
  part: Part;
  messages: BusMessage[];
}

export const logLine = (message: string): NewEvent => ({ type: 'log', data: { level: 'info', message } });

function tail(event: NewEvent): string {
  return JSON.stringify(event).slice(1);
}

/** A connection whose far end the test plays. */
export class FakeConnection implements Connection {
  readonly kind = 'websocket';
  readonly written: Buffer[] = [];
  closedWith: number | undefined;
  /** true = nothing leaves: what is written piles up */
  stalled = false;
  #buffered = 0;
  #drain: (() => void)[] = [];

  write(message: Buffer): void {
    this.written.push(message);
    if (this.stalled) this.#buffered += message.length;
  }

  buffered(): number {
    return this.#buffered;
  }

  onDrain(listener: () => void): void {
    if (this.#buffered === 0) queueMicrotask(listener);
    else this.#drain.push(listener);
  }

  close(code: number): void {
    this.closedWith = code;
  }

  drain(): void {
    this.#buffered = 0;
    for (const listener of this.#drain.splice(0)) listener();
  }

  /** Every frame that was ever written, one by one. */
  get frames(): ServerFrame[] {
    return this.written.flatMap((message) => JSON.parse(message.toString()) as ServerFrame | ServerFrame[]);
  }

  of<T extends ServerFrame['type']>(type: T): Extract<ServerFrame, { type: T }>[] {
    return this.frames.filter((frame): frame is Extract<ServerFrame, { type: T }> => frame.type === type);
  }
}

/** The raw delivery, before any dedupe: ranges touch each other from `after` on, and hold exactly their seqs. */
export function expectExact(
  ranges: { seq: number; through: number; events: RunEvent[] }[],
  after: number,
  head: number,
): void {
  let cursor = after;
  for (const range of ranges) {
    expect(range.seq).toBe(cursor + 1);
    cursor = range.through;
    expect(range.events.map(({ seq }) => seq)).toEqual(
      Array.from({ length: range.through - range.seq + 1 }, (_, place) => range.seq + place),
    );
  }
  expect(cursor).toBe(head);
}

export function principal(about: Partial<Principal> = {}): Principal {
  return {
    tenant: 't',
    id: 'ada',
    roles: ['user'],
    scopes: ['run:read', 'run:act'],
    expires: 1_800_000_000_000 + 3_600_000,
    ...about,
  };
}
