import type { RunSummary } from '@millrace/protocol';
import type { Principal } from '../auth/auth.ts';
import { nativeEncoding } from './native-encoding.ts';
import type { Outbox } from './outbox.ts';
import type { HubParts } from './parts.ts';
import { type Destination, RunSubscription } from './run-subscription.ts';

/** cursors of members that left or were read to their end, which are remembered in case they come again */
const REMEMBERED = 10_000;

export interface MembersOptions {
  outbox: Outbox;
  /** the client's cursors by run */
  after: Record<string, string>;
  /** Throws `subscription_limit` where the connection holds too much already. */
  makeRoom(): void;
}

/**
 * The runs of one list whose events are wanted too: each is followed from the cursor that the client named, else from
 * its first event. One that leaves the list is followed to where its log stood then, and goes on from there if it
 * comes back.
 */
export class ListMembers implements Destination {
  readonly #parts: HubParts;
  readonly outbox: Outbox;
  readonly encoding = nativeEncoding;
  readonly #list: number;
  readonly #makeRoom: () => void;
  #principal: Principal;
  #followed = new Map<string, RunSubscription>();
  #cursors: Map<string, string>;
  #closed = false;

  constructor(parts: HubParts, principal: Principal, list: number, about: MembersOptions) {
    this.#parts = parts;
    this.#principal = principal;
    this.#list = list;
    this.outbox = about.outbox;
    this.#makeRoom = about.makeRoom;
    this.#cursors = new Map(Object.entries(about.after));
  }

  /** How many are followed now. */
  get size(): number {
    return this.#followed.size;
  }

  /** The list is these runs and no others. */
  show(rows: readonly RunSummary[]): void {
    const shown = new Set(rows.map(({ id }) => id));
    for (const run of [...this.#followed.keys()]) if (!shown.has(run)) this.remove(run);
    for (const row of rows) this.add(row);
  }

  /** Errors: subscription_limit. */
  add({ id: run, seq, endedAt }: RunSummary): void {
    if (this.#closed) return;
    const followed = this.#followed.get(run);
    if (followed) return followed.stay();
    const after = this.#cursors.get(run) ?? '0';
    if (endedAt !== undefined && after === `${this.#parts.store.epoch}:${seq}`) return;
    this.#makeRoom();
    const subscription = new RunSubscription(this.#parts, this.#principal, run, undefined, `${run}|${this.#list}`);
    this.#followed.set(run, subscription);
    this.#cursors.delete(run);
    subscription
      .open(after)
      .then(() => subscription.begin(this))
      // It went while it was being opened.
      .catch(() => this.#forget(subscription));
  }

  drained(subscription: RunSubscription): void {
    this.#forget(subscription);
  }

  left(subscription: RunSubscription): void {
    this.#forget(subscription);
  }

  failed(subscription: RunSubscription): void {
    this.#forget(subscription);
  }

  /** The run is not of the list any more. */
  remove(run: string): void {
    this.#followed.get(run)?.leave();
  }

  renew(principal: Principal): void {
    this.#principal = principal;
    for (const subscription of [...this.#followed.values()]) {
      if (subscription.judge(principal)) this.#forget(subscription);
    }
  }

  close(): void {
    this.#closed = true;
    for (const subscription of this.#followed.values()) subscription.close();
    this.#followed.clear();
  }

  #forget(subscription: RunSubscription): void {
    const { run } = subscription;
    subscription.close();
    if (this.#followed.get(run) !== subscription) return;
    this.#followed.delete(run);
    this.#cursors.set(run, `${this.#parts.store.epoch}:${subscription.cursor}`);
    const [oldest] = this.#cursors.keys();
    if (this.#cursors.size > REMEMBERED && oldest !== undefined) this.#cursors.delete(oldest);
  }
}
