import { contend } from './contender.ts';
import { quantile, seeded } from './statistics.ts';

export interface JobRequest {
  /** jobs of the closed loop that count, after a tenth as many that do not */
  jobs: number;
  /** jobs that were added and are not complete yet, at most */
  inFlight: number;
  /** jobs a second of the open loop, and for how many seconds */
  rate: number;
  seconds: number;
  seed: number;
}

export interface Job {
  n: number;
  text: string;
}

/** What a queue tells of its jobs, by their number. */
export interface JobHooks {
  /** the handler begins */
  started(n: number): void;
  /** the queue has recorded that the job is complete */
  completed(n: number): void;
}

export interface JobQueue {
  settings: string;
  /** Adds one job; resolves when it is acknowledged. */
  add(job: Job): Promise<unknown>;
  /** How many jobs are complete in the queue's own records. */
  count(): Promise<number>;
  /** Fails where what the queue holds of its jobs is not whole. */
  check?(): Promise<void>;
  close(): Promise<unknown>;
}

/** A contender's process: opens its queue, loads it with a closed loop for its speed and an open one for its latency. */
export function contendWithJobs<Request extends JobRequest>(
  open: (hooks: JobHooks, request: Request, onClose: (close: () => unknown) => void) => Promise<JobQueue>,
): Promise<void> {
  return contend<Request>(async (request, onClose) => {
    const load = new JobLoad(request.seed);
    const queue = await open(load, request, onClose);
    onClose(() => queue.close());
    await load.closed(queue, Math.ceil(request.jobs / 10), request.inFlight);
    await load.settled(queue);
    const began = performance.now();
    await load.closed(queue, request.jobs, request.inFlight);
    await load.settled(queue);
    const rate = (request.jobs * 1_000) / (performance.now() - began);
    const { acknowledged, begun } = await load.open(queue, request.rate, request.seconds);
    await load.settled(queue);
    await queue.check?.();
    return {
      settings: queue.settings,
      figures: {
        rate,
        completed: load.added,
        ack: quantile(acknowledged, 0.5),
        start: quantile(begun, 0.5),
        start99: quantile(begun, 0.99),
      },
    };
  });
}

class JobLoad implements JobHooks {
  added = 0;
  readonly #random: () => number;
  readonly #starts = new Map<number, () => void>();
  readonly #ends = new Map<number, () => void>();

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  started(n: number): void {
    this.#starts.get(n)?.();
  }

  completed(n: number): void {
    const end = this.#ends.get(n);
    this.#ends.delete(n);
    end?.();
  }

  /** So many producers that each add a job, wait until it is complete, and add the next. */
  async closed(queue: JobQueue, jobs: number, inFlight: number): Promise<void> {
    let left = jobs;
    const produce = async () => {
      while (left > 0) {
        left -= 1;
        const { job, end } = this.#job();
        await Promise.all([queue.add(job), end]);
      }
    };
    await Promise.all(Array.from({ length: Math.min(inFlight, jobs) }, produce));
  }

  /** Adds jobs at even times whatever becomes of them; answers ms to each acknowledgement and to each start. */
  async open(queue: JobQueue, rate: number, seconds: number): Promise<{ acknowledged: number[]; begun: number[] }> {
    const acknowledged: number[] = [];
    const begun: number[] = [];
    const ends: Promise<unknown>[] = [];
    const first = performance.now();
    for (let n = 0; n < rate * seconds; n++) {
      const wait = first + (n * 1_000) / rate - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const { job, end } = this.#job();
      const at = performance.now();
      this.#starts.set(job.n, () => begun.push(performance.now() - at));
      ends.push(
        end,
        queue.add(job).then(() => acknowledged.push(performance.now() - at)),
      );
    }
    await Promise.all(ends);
    return { acknowledged, begun };
  }

  /** Resolves when the queue's own records hold all that was added as complete. */
  async settled(queue: JobQueue): Promise<void> {
    const until = performance.now() + 10_000;
    for (let count = -1; ; ) {
      count = await queue.count();
      if (count === this.added) return;
      if (performance.now() > until) throw new Error(`${count} of ${this.added} jobs are complete.`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #job(): { job: Job; end: Promise<void> } {
    const n = this.added++;
    const end = new Promise<void>((resolve) => this.#ends.set(n, resolve));
    return { job: { n, text: 'j'.repeat(20 + Math.floor(this.#random() * 80)) }, end };
  }
}
