import type { Clock } from '@millrace/protocol';
import type { Caller } from '../engine/face.ts';
import type { JobControl } from './job-controls.ts';
import type { JobIntake } from './job-intake.ts';
import { type Published, readPublication } from './publication.ts';
import { isRefusal, pause, type Source, type SourceReport } from './source.ts';
import { type JobsLink, openJobsLink } from './source-redis-link.ts';

export interface RedisSourceOptions {
  url: string;
  /** this server's boot */
  server: string;
  /** whose jobs these are: Redis knows no tokens */
  tenant: string;
  clock: Clock;
  intake: Pick<JobIntake, 'take'>;
  report: SourceReport;
  /** told when this server becomes the reader, and when it is that no more */
  reading?(on: boolean): void;
  /** how to connect, which a test replaces */
  open?: typeof openJobsLink;
}

const UNTRIED = 'It is not connected yet.';
/** ms that the reading server's lease lasts without renewal; another takes over when it has died */
const LEASE_MS = 5_000;
/** ms between two tries to connect, to become the reader, and to write what the store could not take */
const PAUSE_MS = 1_000;

/**
 * Publishers' jobs, over Redis. Of the servers that share it one at a time reads the stream, where every message is
 * finished once it is written or refused, and listens to what foreign workers merely publish, which is not kept.
 */
export class RedisSource implements Source {
  readonly #options: RedisSourceOptions;
  readonly #caller: Caller;
  readonly #closed = new AbortController();
  readonly #heard = new Map<string, Promise<unknown>>();
  #link: JobsLink | undefined;
  #trouble: string | undefined = UNTRIED;
  /** until when this server is the reader, by its clock */
  #until = 0;
  readonly #running: Promise<void>;

  constructor(options: RedisSourceOptions) {
    this.#options = options;
    this.#caller = { tenant: options.tenant, by: 'worker:redis' };
    this.#running = this.#run();
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  /** Tells whoever executes a job; at most once, and only from the server that reads. */
  tell(control: JobControl): void {
    if (this.#reads()) this.#publish(control);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#leave();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { open = openJobsLink, url, server } = this.#options;
    while (!this.#closed.signal.aborted) {
      let broken: Error | undefined;
      try {
        this.#link = await open(url, server, (error) => {
          broken = error;
        });
        this.#trouble = undefined;
        await this.#serve(this.#link, () => broken !== undefined);
      } catch (error) {
        broken ??= error as Error;
      }
      this.#lost(broken);
      this.#until = 0;
      this.#options.reading?.(false);
      await this.#leave();
      await this.#pause();
    }
  }

  #lost(error: Error | undefined): void {
    if (this.#closed.signal.aborted) return;
    const told = this.#trouble !== undefined && this.#trouble !== UNTRIED;
    const why = error === undefined ? '' : ` (${error.message || error.name})`;
    this.#trouble = `REDIS_URL: publishers of jobs are not read${why}. Start the Redis that it names, or mend it.`;
    if (!told) this.#options.report.lost(this.#trouble);
  }

  /** Reads for as long as the connection holds and this server is the reader, else waits to become it. */
  async #serve(link: JobsLink, broken: () => boolean): Promise<void> {
    let listening = false;
    while (!this.#closed.signal.aborted && !broken()) {
      const asked = this.#options.clock.now();
      if (!(await link.hold(LEASE_MS))) {
        if (listening) {
          listening = false;
          this.#options.reading?.(false);
          await link.listen(undefined);
        }
        await this.#pause();
        continue;
      }
      this.#until = asked + LEASE_MS;
      if (!listening) {
        listening = true;
        this.#options.reading?.(true);
        await link.listen((text, channel) => this.#overheard(text, channel));
        await this.#finish(link, 'unfinished');
      }
      await this.#finish(link, 'new');
    }
  }

  async #finish(link: JobsLink, what: 'unfinished' | 'new'): Promise<void> {
    const entries = await link.read(what);
    if (entries.length === 0) return;
    const readable = entries.flatMap(({ text }) => (text === undefined ? [] : (this.#read(text) ?? [])));
    const jobs = Map.groupBy(readable, ({ message }) => message.jobId);
    await Promise.all([...jobs.values()].map((job) => this.#takeAll(job)));
    if (this.#closed.signal.aborted) return;
    await link.finish(entries.map(({ id }) => id));
    if (what === 'unfinished') await this.#finish(link, what);
  }

  async #takeAll(job: readonly Published[]): Promise<void> {
    for (const published of job) await this.#take(published);
  }

  #read(text: string, jobId?: string): Published | undefined {
    try {
      return readPublication(JSON.parse(text), jobId);
    } catch (error) {
      this.#options.report.refused(text, error);
      return undefined;
    }
  }

  /** Until it is written or refused: what the store cannot take now holds up those behind it. */
  async #take({ message, from }: Published): Promise<void> {
    const { intake, report } = this.#options;
    const { jobId } = message;
    while (!this.#closed.signal.aborted) {
      try {
        const { state, detail } = await intake.take(this.#caller, message, from);
        // It went on because it has not heard.
        if (state === 'paused') this.#publish({ jobId, action: 'pause' });
        if (detail === 'cancelling') this.#publish({ jobId, action: 'cancel' });
        return;
      } catch (error) {
        if (isRefusal(error)) {
          if (error.code === 'run_ended' || error.code === 'run_deleted') {
            this.#publish({ jobId, action: 'cancel', reason: error.code });
          }
          return report.refused(JSON.stringify(message), error);
        }
        report.delayed(error);
        await this.#pause();
      }
    }
  }

  /** A foreign worker's message is not kept anywhere: it is taken now or never, and by the reader alone. */
  #overheard(text: string, channel: string): void {
    if (!this.#reads()) return;
    const jobId = channel.slice('job:event:'.length);
    const published = this.#read(text, jobId);
    if (!published || published.from) return;
    const { intake, report } = this.#options;
    const before = this.#heard.get(jobId) ?? Promise.resolve();
    const taken = before.then(() =>
      intake.take(this.#caller, published.message).catch((error: unknown) => report.refused(text, error)),
    );
    this.#heard.set(jobId, taken);
    void taken.then(() => this.#heard.get(jobId) === taken && this.#heard.delete(jobId));
  }

  #reads(): boolean {
    return this.#link !== undefined && this.#options.clock.now() < this.#until;
  }

  #publish(control: JobControl): void {
    this.#link?.publish(`job:control:${control.jobId}`, JSON.stringify(control)).catch(() => undefined);
  }

  async #leave(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    if (this.#closed.signal.aborted) await link?.release().catch(() => undefined);
    link?.close();
  }

  #pause(): Promise<void> {
    return pause(this.#options.clock, PAUSE_MS, this.#closed.signal);
  }
}
