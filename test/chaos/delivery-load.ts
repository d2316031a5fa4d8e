import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Api } from '@millrace/client';
import type { RunEvent } from '@millrace/protocol';
import { Process } from '../process.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { type DeliveryRemains, type DeliveryVerdict, judgeDelivery } from './delivery-judge.ts';
import { type DeliveryPlan, type DeliverySize, planDelivery } from './delivery-plan.ts';
import type { FollowerReport, FollowerSettings, TheEnd } from './follower-load.ts';
import type { ProducerSettings } from './producer-load.ts';
import type { WorkerLoadSettings } from './worker-load.ts';

export interface LoadOptions {
  folder: string;
  seed: number;
  size: DeliverySize;
  /** that the clients are spread over */
  processes: number;
  workers: number;
  token: string;
  /** where clients and producers find a server, whatever stands between */
  followed: string;
  produced: string;
  /** ms after the last event that the clients may take */
  patience: number;
}

const ENDED = new Set(['completed', 'failed', 'cancelled']);
const PAGE = 10_000;

/** The processes that write and follow in a delivery test, and what they leave behind. */
export class DeliveryLoad {
  readonly plan: DeliveryPlan;
  readonly connections = { websocket: 0, sse: 0, page: 0 };
  readonly #options: LoadOptions;
  readonly workers: Process[] = [];
  readonly #followers: Process[] = [];
  #producer: Process | undefined;
  #runs: string[] = [];

  constructor(options: LoadOptions) {
    this.#options = options;
    this.plan = planDelivery(options.seed, options.size);
  }

  /** Makes the runs, and begins to write and to follow them. */
  async start(api: Api): Promise<void> {
    const { folder, token, followed, produced, patience, processes } = this.#options;
    const files = { plan: join(folder, 'plan.json'), end: join(folder, 'end.json') };
    writeFileSync(files.plan, JSON.stringify(this.plan));
    for (const { name, managed, workflow, tags, appends } of this.plan.runs) {
      const work = { nodes: [{ id: 'stir', task: 'stir' }], input: { name, steps: appends } };
      const { id } = await api.start({ workflow, tags, ...(managed ? work : { external: true }) }, { key: name });
      this.#runs.push(id);
    }
    const share = Math.ceil(this.plan.clients.length / processes);
    for (let from = 0; from < this.plan.clients.length; from += share) {
      const settings: FollowerSettings = {
        ...{ ...files, url: followed, token, runs: this.#runs, patience },
        clients: [from, from + share],
        report: join(folder, `report-${from}.json`),
      };
      this.#followers.push(new Process('test/chaos/follower-load.ts', [JSON.stringify(settings)]));
    }
    await Promise.all(this.#followers.map((one) => one.printed(/^FOLLOWING/m)));
    for (let made = 0; made < this.#options.workers; made += 1) await this.addWorker();
    const settings: ProducerSettings = { url: produced, token, plan: files.plan, runs: this.#runs, folder };
    this.#producer = new Process('test/chaos/producer-load.ts', [JSON.stringify(settings)]);
  }

  /** One more worker, which may be killed or stopped. */
  async addWorker(): Promise<void> {
    const { produced: url, token, seed, folder, size } = this.#options;
    const settings: WorkerLoadSettings = { url, token, seed, pause: size.pause, folder };
    const worker = new Process('test/chaos/worker-load.ts', [JSON.stringify(settings)]);
    this.workers.push(worker);
    await worker.printed(/^WORKING$/m);
  }

  /** Resolves when so many percent of the appends are acknowledged. */
  async written(percent: number): Promise<void> {
    await this.#producer?.printed(new RegExp(`^WRITTEN ${percent}%$`, 'm'));
  }

  /** Waits until every run has ended and every client has caught up or lost patience; then judges. */
  async finish(api: Api): Promise<DeliveryVerdict> {
    const { folder } = this.#options;
    await this.#producer?.printed(/^WROTE/m);
    const runs = [...new Set([...this.#runs, ...Acknowledgements.read(folder).map(({ run }) => run)])];
    for (const run of runs) while (!ENDED.has((await api.get(run)).status)) await setTimeout(100);
    const logs: DeliveryRemains['logs'] = {};
    for (const run of runs) logs[run] = await readLog(api, run);
    // For whoever looks into what was found.
    writeFileSync(join(folder, 'logs.json'), JSON.stringify(logs));
    const lists = await Promise.all(this.plan.lists.map((query) => api.runs(query)));
    const heads = Object.fromEntries(Object.entries(logs).map(([run, log]) => [run, log.length]));
    writeFileSync(join(folder, 'end.json'), JSON.stringify({ heads, lists } satisfies TheEnd));
    await Promise.all(this.#followers.map((one) => one.printed(/^REPORTED$/m)));
    const reports = this.#followers.map((one) => {
      const { report } = JSON.parse(one.child.spawnargs.at(-1) ?? '') as FollowerSettings;
      return JSON.parse(readFileSync(report, 'utf8')) as FollowerReport;
    });
    for (const { connections } of reports) {
      for (const kind of ['websocket', 'sse', 'page'] as const) this.connections[kind] += connections[kind];
    }
    return judgeDelivery({
      ...{ logs, lists, acknowledged: Acknowledgements.read(folder) },
      stretches: reports.flatMap((one) => one.stretches),
      strays: reports.flatMap((one) => one.strays),
      runs: reports.flatMap((one) => one.runs),
      listed: reports.flatMap((one) => one.listed),
    });
  }

  /** Everything that the processes printed, for whoever asks what went wrong. */
  get output(): string {
    return [this.#producer, ...this.workers, ...this.#followers].map((one) => one?.output ?? '').join('\n');
  }

  async kill(): Promise<void> {
    for (const one of [this.#producer, ...this.workers, ...this.#followers]) await one?.kill();
  }
}

async function readLog(api: Api, run: string): Promise<RunEvent[]> {
  const log: RunEvent[] = [];
  for (let after = '0'; ; ) {
    const page = await api.events(run, { after, limit: PAGE });
    log.push(...page.events);
    if (page.through >= page.head) return log;
    after = page.next;
  }
}
