import { formatCursor, MillraceError, type RunSummary, toProblem } from '@millrace/protocol';
import { maySee, ownOnly, type Principal } from '../auth/auth.ts';
import { needScope } from './access.ts';
import { type AttachedRoom, type Encoding, ROOM_CURSORS } from './face.ts';
import type { Outbox } from './outbox.ts';
import type { HubParts } from './parts.ts';
import type { RowChange, RowListener } from './row-feeds.ts';
import { belongs } from './run-row.ts';
import { type Destination, RunSubscription } from './run-subscription.ts';

/** runs that are followed from the room's beginning, newest first */
const MOST_ROWS = 500;
/** ms by which servers' clocks may differ, and a client's cursors be older than they say */
const MARGIN = 60_000;
const OPEN = ['created', 'running', 'paused'];
/** ended runs that are remembered as told */
const REMEMBERED = 10_000;

export interface RoomOptions {
  outbox: Outbox;
  /** Throws `subscription_limit` where the connection holds too much already. */
  makeRoom(): void;
  /** The room has ended by an error, which was sent. */
  failed(): void;
}

/**
 * The runs that match a query, followed from when they come to their end. Those that are under way when the room
 * begins go on from their present head or from their first event, as was asked; whoever comes back goes on from their
 * cursors, and gets whole what may have begun since. What cannot be told apart then is sent again, never left out.
 */
export class Room implements RowListener, Destination {
  readonly #parts: HubParts;
  readonly #principal: Principal;
  readonly #request: AttachedRoom;
  readonly #options: RoomOptions;
  readonly #silence: () => void;
  #members = new Map<string, RunSubscription>();
  /** ended runs of which nothing is left to tell: they were told, or had ended before the room began */
  #over = new Set<string>();
  readonly #began: number;
  /** changes that were heard before the rows were read; undefined = they have been */
  #early: RowChange[] | undefined = [];
  #begun = false;
  #closed = false;

  /** Errors: forbidden. */
  constructor(parts: HubParts, principal: Principal, request: AttachedRoom, options: RoomOptions) {
    needScope(principal, 'run:read');
    this.#parts = parts;
    this.#principal = principal;
    this.#request = request;
    this.#options = options;
    this.#began = parts.clock.now();
    this.#silence = parts.feeds.follow(principal.tenant, this);
  }

  get outbox(): Outbox {
    return this.#options.outbox;
  }

  get encoding(): Encoding {
    return this.#request.encoding;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Whether `cursors` says all that the client has to come back with. */
  get begun(): boolean {
    return this.#begun;
  }

  begin(): void {
    this.#begin().catch((error: unknown) => this.#fail(error));
  }

  changed(change: RowChange): void {
    const { row, queue } = change;
    if (this.#early) {
      if (this.#early.length < MOST_ROWS) this.#early.push(change);
    } else if (belongs(row, queue, this.#request.query, this.#principal) && !this.#isPast(row)) {
      try {
        void this.#add(row, 0);
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  stale(): void {
    if (this.#early) return;
    this.#early = [];
    this.#refresh().catch((error: unknown) => this.#fail(error));
  }

  /** How far the members were written that moved last. */
  cursors(): [run: string, seq: number][] {
    const members = [...this.#members];
    if (members.length > ROOM_CURSORS) members.sort(([, a], [, b]) => b.moved - a.moved);
    return members.slice(0, ROOM_CURSORS).map(([run, { cursor }]) => [run, cursor]);
  }

  drained(subscription: RunSubscription): void {
    this.#close(subscription.run);
    this.#forget(subscription);
  }

  failed(subscription: RunSubscription): void {
    this.#forget(subscription);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#silence();
    for (const member of this.#members.values()) member.close();
    this.#members.clear();
  }

  async #begin(): Promise<void> {
    const { back, from } = this.#request;
    const rows = new Map([...(await this.#rows(undefined)), ...(await this.#rows(OPEN))].map((row) => [row.id, row]));
    const added = [...rows.values()].map((row) => {
      const open = row.endedAt === undefined;
      const since = back?.cursors.get(row.id);
      if (since !== undefined) return this.#add(row, since);
      if (back === undefined && open) return this.#add(row, from === 'now' && !this.#isNew(row) ? row.seq : 0);
      if (back !== undefined && (open || row.createdAt >= back.at - MARGIN)) return this.#add(row, 0);
      return this.#close(row.id);
    });
    this.#settle();
    await Promise.all(added);
    this.#begun = true;
    // Who is cut before anything happens comes back to where the room began.
    if (!this.#closed) this.outbox.mark();
  }

  /** Rows may have been missed: what is open and not followed is new. */
  async #refresh(): Promise<void> {
    for (const row of await this.#rows(OPEN)) void this.#add(row, 0);
    this.#settle();
  }

  #settle(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const change of early) this.changed(change);
  }

  async #rows(status: string[] | undefined): Promise<RunSummary[]> {
    const { store } = this.#parts;
    const { tenant, only, id } = this.#principal;
    if (only?.run !== undefined) {
      const row = await store.runRow({ tenant, run: only.run });
      return row && belongs(row.summary, undefined, this.#request.query, this.#principal) ? [row.summary] : [];
    }
    const { rows } = await store.runRows({
      ...{ ...this.#request.query, tenant, limit: MOST_ROWS },
      ...(!only && ownOnly(this.#principal) ? { owner: id } : {}),
      ...(only?.tag === undefined ? {} : { tag: only.tag }),
      ...(status ? { status } : {}),
    });
    return rows.map(({ summary }) => summary).filter((row) => maySee(this.#principal, row));
  }

  /** Errors: subscription_limit, at once. */
  #add({ id: run, seq, endedAt }: RunSummary, after: number): Promise<void> | undefined {
    if (this.#closed || this.#members.has(run)) return undefined;
    if (endedAt !== undefined && after >= seq) {
      this.#close(run);
      return undefined;
    }
    this.#options.makeRoom();
    const { filter, key } = this.#request;
    const member = new RunSubscription(this.#parts, this.#principal, run, filter, key);
    this.#members.set(run, member);
    return (
      member
        .open(formatCursor(this.#parts.store.epoch, after), true)
        .then(() => member.begin(this))
        // It went while it was being opened.
        .catch(() => this.#forget(member))
    );
  }

  /** A run that came to be while the rows were read. */
  #isNew({ id, createdAt }: RunSummary): boolean {
    return createdAt >= this.#began && this.#early?.some(({ row }) => row.id === id) === true;
  }

  /** A run that ended before the room began, or is too old to tell. */
  #isPast({ id, endedAt, createdAt }: RunSummary): boolean {
    return endedAt !== undefined && (this.#over.has(id) || createdAt < this.#began - MARGIN);
  }

  #close(run: string): void {
    this.#over.add(run);
    const [oldest] = this.#over;
    if (this.#over.size > REMEMBERED && oldest !== undefined) this.#over.delete(oldest);
  }

  #forget(member: RunSubscription): void {
    member.close();
    if (this.#members.get(member.run) === member) this.#members.delete(member.run);
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.close();
    const refusal = error instanceof MillraceError ? error : new MillraceError('internal');
    this.#parts.metrics.count('hub_errors_total', 1, { code: refusal.code });
    this.outbox.send(this.encoding.problem(toProblem(refusal), this.#request.key));
    this.#options.failed();
  }
}
