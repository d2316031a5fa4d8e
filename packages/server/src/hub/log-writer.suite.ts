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
import { expect } from 'vitest';
import type { Principal } from '../auth/auth.ts';
import { type Bus, type BusMessage, topics } from '../bus/bus.ts';
import { LocalBus } from '../bus/bus-local.ts';
import { SimulatedClock } from '../clock.ts';
import { noMetrics } from '../metrics/metrics.ts';
import { eventText, type Store } from '../store/store.ts';
import { MemoryStore } from '../store/store-memory.ts';
import type { Connection } from '../transport/transport.ts';
import type { Hub, HubOptions } from './face.ts';
import { createHub } from './hub.ts';

/** Writes logs as the engine does: commit, then publish, in one turn. What the hub's tests follow. */
export class LogWriter {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock = new SimulatedClock();
  /** true = the bus loses everything */
  losing = false;
  /** the boot that commits, and its next batch's number less one */
  server = 'boot';
  batches = 0;
  #views = new Map<string, RunView>();

  constructor(store: Store = new MemoryStore('e2'), bus: Bus = new LocalBus()) {
    this.store = store;
    this.bus = bus;
  }

  /** A hub over this log, by default of the server that writes. */
  hub(about: Partial<Pick<HubOptions, 'auth' | 'submit' | 'server'>> = {}): Hub {
    const { store, bus, clock } = this;
    const auth = { verify: async () => principal() };
    const others = { metrics: noMetrics, server: 'boot', auth, submit: async () => ({ seq: 0 }) };
    return createHub({ store, bus, clock, ...others, ...about });
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

  async append(run: string, events: NewEvent[], queue?: string): Promise<void> {
    const { store, bus, clock } = this;
    const key = { tenant: 't', run };
    const before = this.#views.get(run) ?? emptyView(run);
    const at = clock.now();
    const texts = events.map((event, place) => eventText(before.seq + place + 1, at, tail(event)));
    const view = structuredClone(before);
    for (const text of texts) fold(view, JSON.parse(text) as RunEvent);
    const row = {
      status: view.control.status,
      ended: isTerminal(view.control.status),
      summary: summarise(view.control, view.seq, at),
      ...(queue === undefined ? {} : { queue }),
    };
    const moved = events.some(({ type }) => isControl(type));
    this.batches += 1;
    const { parts } = await store.commit({
      server: this.server,
      n: this.batches,
      at,
      parts: [
        {
          ...key,
          fence: before.seq === 0 ? 'new' : { ctl: before.control.ctl },
          events: events.map((event) => ({ type: event.type, control: isControl(event.type), text: tail(event) })),
          ...(moved ? { row } : {}),
        },
      ],
    });
    expect(parts).toEqual([{ ok: true, first: before.seq + 1, at }]);
    this.#views.set(run, view);
    if (this.losing) return;
    const messages: BusMessage[] = [
      {
        kind: 'events',
        topic: topics.run('t', run),
        ...key,
        seq: before.seq + 1,
        through: view.seq,
        text: texts.join(),
        ended: row.ended,
      },
    ];
    if (moved) {
      messages.push({
        kind: 'row',
        topic: topics.rows('t'),
        tenant: 't',
        row: row.summary,
        ...(queue === undefined ? {} : { queue }),
      });
    }
    bus.publish(messages);
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
