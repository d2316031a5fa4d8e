import { type BusMessage, topics } from './bus.ts';

/** bytes; Postgres refuses a NOTIFY of 8,000 */
const PAYLOAD_LIMIT = 7_900;
/** runs that surely do not fit, so that nothing gathers while the database is slow */
const RUNS_LIMIT = 400;

type Named = [tenant: string, run: string, seq: number, through: number, ended: boolean];

/** What a payload says, by whom. `look`: there was more than can be named. */
interface Said {
  from: string;
  runs?: Named[];
  rows?: string[];
  work?: string[];
  look?: true;
}

/** What was published and has not gone out yet: names of runs, with how far they reach, and of tenants. */
export class Unsaid {
  #runs = new Map<string, Named>();
  readonly #rows = new Set<string>();
  readonly #work = new Set<string>();
  #look = false;

  get empty(): boolean {
    return !this.#look && this.#runs.size + this.#rows.size + this.#work.size === 0;
  }

  add(message: BusMessage): void {
    if (message.kind === 'row') this.#rows.add(message.tenant);
    else if (message.kind === 'work') this.#work.add(message.tenant);
    else if (message.kind === 'events') this.#addRange(message);
  }

  #addRange({ topic, tenant, run, seq, through, ended }: BusMessage & { kind: 'events' }): void {
    if (this.#look) return;
    const known = this.#runs.get(topic);
    if (known) {
      known[2] = Math.min(known[2], seq);
      known[3] = Math.max(known[3], through);
      known[4] ||= ended;
    } else this.#runs.set(topic, [tenant, run, seq, through, ended]);
    if (this.#runs.size <= RUNS_LIMIT) return;
    this.#look = true;
    this.#runs.clear();
  }

  /** All of it as one payload, or the bare word to look where that would be too large. */
  payload(from: string): string {
    const said: Said = {
      from,
      ...(this.#runs.size > 0 ? { runs: [...this.#runs.values()] } : {}),
      ...(this.#rows.size > 0 ? { rows: [...this.#rows] } : {}),
      ...(this.#work.size > 0 ? { work: [...this.#work] } : {}),
    };
    const text = JSON.stringify(said);
    if (!this.#look && Buffer.byteLength(text) <= PAYLOAD_LIMIT) return text;
    return JSON.stringify({ from, look: true } satisfies Said);
  }
}

/**
 * The messages of another server; none where `self` sent them. Of rows only tenants are known: `lists` says whether
 * somebody here wants to know more.
 */
export function messagesIn(payload: string, self: string, lists: (tenant: string) => boolean): BusMessage[] {
  const { from, runs = [], rows = [], work = [], look } = JSON.parse(payload) as Said;
  if (from === self) return [];
  const messages: BusMessage[] = runs.map(([tenant, run, seq, through, ended]) => {
    return { kind: 'events', topic: topics.run(tenant, run), tenant, run, seq, through, ended };
  });
  for (const tenant of work) messages.push({ kind: 'work', topic: topics.work(tenant), tenant });
  if (look || rows.some(lists)) messages.push({ kind: 'wake', topic: topics.wake });
  return messages;
}
