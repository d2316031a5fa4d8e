import { type Cursor, formatCursor } from '@millrace/protocol/cursor';
import { parseCursor } from '@millrace/protocol/cursor-text';
import { MillraceError } from '@millrace/protocol/error-code';
import { type EventPage, type EventRange, passes, type ServerFrame } from '@millrace/protocol/frame';
import { toProblem } from '@millrace/protocol/problem';
import type { RunReader, SharedRun } from './shared-run.ts';

/** What a tab's subscription needs of its tab. */
export interface TabLink {
  post(frames: ServerFrame[], weight: number): void;
  /** so much waits to be taken that more should not be sent */
  readonly full: boolean;
  /** calls back when there is room, at once if there is */
  whenRoom(fn: () => void): void;
  page(run: string, after: string): Promise<EventPage>;
  /** the server cannot be reached: the tab comes back by itself */
  lost(error: MillraceError): void;
}

/** How far one tab has got in a run: it reads pages until it has what the others have, and then what they are told. */
export class TabRun implements RunReader {
  readonly #tab: TabLink;
  readonly #run: SharedRun;
  readonly #after: string | undefined;
  readonly #leave: () => void;
  /** undefined until the subscription is answered */
  #cursor: number | undefined;
  #answer: ((problem?: MillraceError) => void) | undefined;
  #live = false;
  #over = false;

  /** `answer` is called once, before anything else is told. */
  constructor(tab: TabLink, run: SharedRun, after: string | undefined, answer: (refusal?: MillraceError) => void) {
    this.#tab = tab;
    this.#run = run;
    this.#after = after;
    this.#answer = answer;
    this.#leave = run.join(this);
    if (run.view) this.#begin();
    else if (run.error) this.refused(run.error);
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#leave();
  }

  replaced(): void {
    if (this.#answer) return this.#begin();
    // The others' way to here had a hole too.
    this.#gap(formatCursor(this.#epoch, this.#cursor ?? 0));
    this.#snapshot();
  }

  range(range: EventRange): void {
    const cursor = this.#cursor ?? 0;
    if (!this.#live || range.through <= cursor) return;
    if (this.#tab.full) {
      this.#live = false;
      this.#catchUp();
    } else this.#tell(range, cursor);
  }

  refused(error: MillraceError): void {
    const { key } = this.#run;
    if (this.#answer) this.#answer(error);
    else this.#tab.post([{ type: 'error', key, problem: toProblem(error) }], 1);
    this.close();
  }

  get #epoch(): string {
    return this.#run.cursor?.epoch ?? '';
  }

  #begin(): void {
    this.#answer?.();
    this.#answer = undefined;
    if (this.#after === undefined) return this.#snapshot();
    let asked: Cursor | undefined;
    try {
      asked = parseCursor(this.#after, this.#epoch);
    } catch {
      // A cursor that nobody can read belongs to no log.
    }
    if (asked?.epoch === this.#epoch) {
      this.#cursor = asked.seq;
      this.#catchUp();
    } else {
      this.#gap(this.#after);
      this.#snapshot();
    }
  }

  #catchUp(): void {
    this.#readPages().catch((error: unknown) => {
      if (this.#over) return;
      if (!(error instanceof MillraceError)) throw error;
      if (error.code === 'invalid_cursor') {
        this.#gap(formatCursor(this.#epoch, this.#cursor ?? 0));
        this.#snapshot();
      } else if (error.code === 'unreachable' || error.row.retry) this.#tab.lost(error);
      else this.refused(error);
    });
  }

  async #readPages(): Promise<void> {
    // Who is ahead of the others asks the server too: it alone knows whether there is such a place in the log.
    for (let judged = false; ; judged = true) {
      await new Promise<void>((resolve) => this.#tab.whenRoom(resolve));
      if (this.#over) return;
      const cursor = this.#cursor ?? 0;
      const others = this.#run.cursor?.seq ?? 0;
      if (cursor === others || (judged && cursor > others)) break;
      const page = await this.#tab.page(this.#run.id, formatCursor(this.#epoch, cursor));
      if (this.#over) return;
      if (page.through > cursor) this.#tell(page, cursor);
    }
    this.#live = true;
  }

  #tell(range: EventRange, cursor: number): void {
    const { id: run, key, filter } = this.#run;
    const events = range.events.filter((event) => event.seq > cursor && (!filter || passes(event, filter)));
    this.#cursor = range.through;
    this.#tab.post([{ type: 'range', key, run, seq: cursor + 1, through: range.through, events }], events.length + 1);
  }

  #gap(requested: string): void {
    const { id: run, key, head: latest } = this.#run;
    this.#tab.post([{ type: 'gap', key, run, requested, earliest: 1, latest }], 1);
  }

  #snapshot(): void {
    const { id: run, key, view, cursor } = this.#run;
    if (!view || !cursor) return;
    this.#cursor = cursor.seq;
    this.#live = true;
    this.#tab.post([{ type: 'snapshot', key, run, seq: cursor.seq, view }], 1);
  }
}
