// Some of the clients of a delivery test, in one process: node --import millrace/source.mjs test/chaos/follower-load.ts
// JSON. They follow what the plan says until they have what the server has at the end, and write down what they saw.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setInterval, setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { createClient, type ListStore, type RunStore } from '@millrace/client';
import { type ListEnd, type Listing, type RunEnd, viewPrint } from './delivery-judge.ts';
import type { DeliveryPlan, PlannedClient } from './delivery-plan.ts';
import { Dice } from './dice.ts';
import { Recorder } from './recorder.ts';
import type { Stretch } from './stretch.ts';

export interface FollowerSettings {
  url: string;
  token: string;
  plan: string;
  /** ids of the plan's runs */
  runs: string[];
  /** numbers of the plan's clients that live here */
  clients: [from: number, to: number];
  /** appears when all runs have ended: {@link TheEnd} */
  end: string;
  /** ms after the end that they may take */
  patience: number;
  /** where to write {@link FollowerReport} */
  report: string;
}

/** What the server has when nothing more will come. */
export interface TheEnd {
  heads: Record<string, number>;
  lists: Listing[];
}

export interface FollowerReport {
  stretches: Stretch[];
  strays: string[];
  runs: RunEnd[];
  listed: ListEnd[];
  connections: Recorder['connections'];
}

/** Impatient, so that a test of minutes sees every step down and climb back. */
const policy = {
  ...{ backoffMin: 50, backoffMax: 1_000, openTimeout: 4_000, stepDownAfter: 2, climbAfter: 1_000, pollEvery: 500 },
};

class Follower {
  readonly recorder: Recorder;
  readonly #number: number;
  readonly #runs: { store: RunStore; told: number[] }[];
  readonly #lists: { list: number; store: ListStore }[];

  constructor(number: number, { transports, runs, lists, joinsAfter }: PlannedClient) {
    const dice = new Dice(plan.seed + number);
    this.#number = number;
    this.recorder = new Recorder(number);
    const { WebSocket, fetch } = this.recorder;
    const client = createClient({
      ...{ url: settings.url, token: settings.token, transports, policy },
      platform: { WebSocket, fetch, random: () => dice.next() },
    });
    this.#runs = runs.map(({ run, filter }) => ({
      store: client.run(settings.runs[run] as string, filter ? { filter } : {}),
      told: [],
    }));
    this.#lists = lists.map((list) => ({ list, store: client.list(plan.lists[list] ?? {}) }));
    this.#join(joinsAfter).catch(fail);
  }

  /** Whether everything that the server has is shown. */
  has({ heads, lists }: TheEnd): boolean {
    return (
      this.#runs.every(({ store }) => cursorOf(store) === heads[store.id]) &&
      this.#lists.every(({ list, store }) => isDeepStrictEqual(listingOf(store), lists[list]))
    );
  }

  get runEnds(): RunEnd[] {
    return this.#runs.map(({ store, told }) => {
      const { view, continuity } = store.getSnapshot();
      return {
        ...{ client: this.#number, run: store.id, continuity, told, view: viewPrint(view) },
        ...(store.filter && { filter: store.filter }),
      };
    });
  }

  get listEnds(): ListEnd[] {
    return this.#lists.map(({ list, store }) => ({ client: this.#number, list, shown: listingOf(store) }));
  }

  async #join(after: number): Promise<void> {
    await setTimeout(after);
    for (const { store, told } of this.#runs) {
      store.onEvents((events) => {
        for (const { seq } of events) told.push(seq);
      });
    }
    for (const { store } of this.#lists) store.subscribe(() => {});
  }
}

const settings = JSON.parse(process.argv[2] ?? '') as FollowerSettings;
const plan = JSON.parse(readFileSync(settings.plan, 'utf8')) as DeliveryPlan;
const [from, to] = settings.clients;
const followers = plan.clients.slice(from, to).map((planned, index) => new Follower(from + index, planned));
console.log(`FOLLOWING ${followers.length}`);

let end: TheEnd | undefined;
let deadline = Number.POSITIVE_INFINITY;
for await (const _ of setInterval(100)) {
  if (!end && existsSync(settings.end)) {
    end = JSON.parse(readFileSync(settings.end, 'utf8')) as TheEnd;
    deadline = performance.now() + settings.patience;
  }
  const behind = end ? followers.filter((one) => !one.has(end as TheEnd)).length : followers.length;
  if (behind > 0 && performance.now() < deadline) continue;
  console.log(`DONE ${behind} behind`);
  break;
}
const report: FollowerReport = {
  stretches: followers.flatMap(({ recorder }) => recorder.stretches),
  strays: followers.flatMap(({ recorder }) => recorder.strays),
  runs: followers.flatMap((one) => one.runEnds),
  listed: followers.flatMap((one) => one.listEnds),
  connections: { websocket: 0, sse: 0, page: 0 },
};
for (const { recorder } of followers) {
  for (const kind of ['websocket', 'sse', 'page'] as const) report.connections[kind] += recorder.connections[kind];
}
writeFileSync(settings.report, JSON.stringify(report));
console.log('REPORTED');
process.exit(0);

function cursorOf(store: RunStore): number {
  return Number(store.getSnapshot().cursor?.split(':').at(-1) ?? -1);
}

function listingOf(store: ListStore): Listing {
  const { rows, total } = store.getSnapshot();
  return { rows, total };
}

function fail(error: unknown): void {
  console.log(error);
  process.exit(1);
}
