import { hash } from 'node:crypto';
import {
  emptyView,
  fold,
  type Profile,
  passes,
  type RedactionClass,
  type RunEvent,
  type RunFilter,
  type RunView,
  redact,
} from '@millrace/protocol';
import { type Batch, type CommitResult, eventText, type Part } from '../../packages/server/src/store/store.ts';

/** Through what somebody sees a log. */
export interface Sight {
  hide: readonly RedactionClass[];
  filter?: RunFilter | undefined;
}

/** What has been committed, written down beside the store: what everything that anybody is shown is held against. */
export class Ledger {
  readonly epoch: string;
  readonly #logs = new Map<string, string[]>();
  readonly #deleted = new Set<string>();
  /** of the epochs before this one */
  readonly #past: ReadonlyMap<string, Ledger>;

  constructor(epoch: string, past: ReadonlyMap<string, Ledger> = new Map()) {
    this.epoch = epoch;
    this.#past = past;
  }

  /** An empty one, for which this is the past. */
  successor(epoch: string): Ledger {
    return new Ledger(epoch, new Map([...this.#past, [this.epoch, this]]));
  }

  get runs(): string[] {
    return [...this.#logs.keys()];
  }

  committed({ parts }: Batch, result: CommitResult): void {
    for (const [place, part] of parts.entries()) {
      const written = result.parts[place];
      if (!written?.ok) continue;
      const log = this.#logs.get(part.run) ?? [];
      this.#logs.set(part.run, log);
      // A batch that is repeated is answered with its first answer.
      if (written.first <= log.length) continue;
      log.push(...textsOf(part, written.first, written.at));
    }
  }

  deleted(run: string): void {
    this.#deleted.add(run);
  }

  wasDeleted(run: string): boolean {
    return this.#deleted.has(run);
  }

  head(run: string, epoch = this.epoch): number {
    return this.#of(epoch).get(run)?.length ?? 0;
  }

  /** The events `from … through` as somebody sees them. */
  seen(run: string, from: number, through: number, sight: Sight, epoch = this.epoch): RunEvent[] {
    const profile: Profile = { name: sight.hide.join(), hide: sight.hide };
    return (this.#of(epoch).get(run) ?? [])
      .slice(from - 1, through)
      .map((text) => JSON.parse(text) as RunEvent)
      .filter((event) => !sight.filter || passes(event, sight.filter))
      .flatMap((event) => redact(event, profile) ?? []);
  }

  /** The fold of what somebody sees of a log, up to `seq`. */
  view(run: string, seq: number, sight: Sight, epoch = this.epoch): RunView {
    return this.seen(run, 1, seq, sight, epoch).reduce((view, event) => fold(view, event), emptyView(run));
  }

  get size(): number {
    return [...this.#logs.values()].reduce((sum, log) => sum + log.length, 0);
  }

  /** The events' texts, as they are stored. */
  texts(run: string): readonly string[] {
    return this.#logs.get(run) ?? [];
  }

  print(): string {
    return hash('sha256', JSON.stringify([...this.#logs].sort(([a], [b]) => (a < b ? -1 : 1))));
  }

  #of(epoch: string): ReadonlyMap<string, string[]> {
    const ledger = epoch === this.epoch ? this : this.#past.get(epoch);
    return ledger ? ledger.#logs : new Map();
  }
}

function textsOf({ events }: Part, first: number, at: number): string[] {
  return events.map(({ text }, place) => eventText(first + place, at, text));
}

/** Whoever knows which history is the present one. */
export interface Truth {
  readonly ledger: Ledger;
}
