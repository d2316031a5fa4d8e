import type { MillraceError } from '@millrace/protocol/error-code';
import type { ListStore } from '../list-store.ts';
import type { TabLink } from './tab-run.ts';

/** A list that a tab shows: its rows as they are now, whenever they have changed and the tab has room. */
export class TabList {
  readonly #tab: TabLink;
  readonly #list: ListStore;
  readonly #id: number;
  readonly #answer: (refusal?: MillraceError) => void;
  readonly #leave: () => void;
  #answered = false;
  #waiting = false;
  #over = false;

  constructor(tab: TabLink, id: number, list: ListStore, answer: (refusal?: MillraceError) => void) {
    this.#tab = tab;
    this.#id = id;
    this.#list = list;
    this.#answer = answer;
    this.#leave = list.subscribe(() => this.#show());
    this.#show();
  }

  close(): void {
    this.#over = true;
    this.#leave();
  }

  #wait(): void {
    this.#waiting = true;
    this.#tab.whenRoom(() => {
      this.#waiting = false;
      this.#show();
    });
  }

  #show(): void {
    if (this.#over || this.#waiting) return;
    if (this.#tab.full) return this.#wait();
    const { status, rows, total, error } = this.#list.getSnapshot();
    if (status === 'loading') return;
    if (!this.#answered) this.#answer(error);
    this.#answered = true;
    if (!error) this.#tab.post([{ type: 'rows', list: this.#id, rows: [...rows], total }], rows.length + 1);
  }
}
