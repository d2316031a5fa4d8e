import type { RunEvent, RunView } from '@millrace/protocol';
import type { RunKey } from '../store/store.ts';
import type { Encoding, SeenRange } from './face.ts';
import type { Lens } from './lens.ts';

/** How a reader is written to. Readers of equal names are sent the same bytes. */
export interface Form {
  readonly name: string;
  readonly encoding: Encoding;
  readonly lens: Lens;
  readonly key: string;
}

export function formOf(encoding: Encoding, lens: Lens, key: string): Form {
  return { name: `${encoding.name} ${lens.id} ${key}`, encoding, lens, key };
}

/**
 * A stretch `seq … through` of a log as stored text, a batch or a page, with everything that was built from it:
 * per lens what is seen of it, per encoding its bytes. Built at most once, shared by all of its readers.
 */
export class LogRange implements SeenRange {
  readonly tenant: string;
  readonly run: string;
  readonly seq: number;
  readonly through: number;
  readonly text: string;
  #events: { seq: number; text: string }[] | undefined;
  #seen: Map<string, SeenRange> | undefined;
  /** mostly there is one form, and it costs no map */
  #form: Form | undefined;
  #formed: Told | undefined;
  #others: Map<string, Told> | undefined;
  /** bytes in memory: of the text and of what was built from it */
  weight: number;

  constructor(key: RunKey, stretch: { seq: number; through: number; text: string }) {
    this.tenant = key.tenant;
    this.run = key.run;
    this.seq = stretch.seq;
    this.through = stretch.through;
    this.text = stretch.text;
    this.weight = stretch.text.length;
  }

  events(): readonly { seq: number; text: string }[] {
    this.#events ??= splitEvents(this.text).map((text, place) => ({ seq: this.seq + place, text }));
    return this.#events;
  }

  /** The events that `lens` sees, parsed anew: the caller may keep and change them. */
  parse(lens: Lens): RunEvent[] {
    const events = JSON.parse(`[${this.text}]`) as RunEvent[];
    return events.map((event) => lens.see(event)).filter((event) => event !== null);
  }

  /**
   * The bytes of one form of this stretch, built once, and where its encoding spells by views, the view after it: `view`
   * is the one before it, of which there is one per lens.
   */
  told(form: Form, view?: RunView): Told {
    if (this.#formed && form.name === this.#form?.name) return this.#formed;
    const known = this.#others?.get(form.name);
    if (known) return known;
    const told = tellOf(form, this.#through(form.lens), view);
    this.weight += told.message.length;
    if (this.#form) {
      this.#others ??= new Map();
      this.#others.set(form.name, told);
    } else {
      this.#form = form;
      this.#formed = told;
    }
    return told;
  }

  #through(lens: Lens): SeenRange {
    if (lens.id === '') return this;
    this.#seen ??= new Map();
    let seen = this.#seen.get(lens.id);
    if (!seen) {
      const events = this.events().flatMap(({ seq, text }) => {
        const event = JSON.parse(text) as RunEvent;
        const shown = lens.see(event);
        // What is seen whole keeps its stored text.
        return shown ? [{ seq, text: shown === event ? text : JSON.stringify(shown) }] : [];
      });
      const { tenant, run, seq, through } = this;
      seen = { tenant, run, seq, through, text: events.map(({ text }) => text).join(), events: () => events };
      this.#seen.set(lens.id, seen);
      this.weight += seen.text.length;
    }
    return seen;
  }
}

/** What a stretch says in one form: its bytes, and the view that it leads to where there was one before it. */
export interface Told {
  readonly message: Buffer;
  readonly view?: RunView;
}

function tellOf({ encoding, key, lens }: Form, seen: SeenRange, view: RunView | undefined): Told {
  if (!encoding.tale) return { message: encoding.range(seen, key) };
  if (!view) throw new Error(`${encoding.name} needs the view before ${seen.seq}, seen ${lens.id || 'whole'}`);
  return encoding.tale(seen, key, view);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** The texts of the JSON objects that `text` joins with ",", without parsing them. */
export function splitEvents(text: string): string[] {
  const texts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) at = endOfString(text, at);
    else if (char === OPEN && depth++ === 0) start = at;
    else if (char === CLOSE && --depth === 0) texts.push(text.slice(start, at + 1));
  }
  return texts;
}

/** The place of the quote that closes the string which opens at `open`. */
function endOfString(text: string, open: number): number {
  for (let close = text.indexOf('"', open + 1); close >= 0; close = text.indexOf('"', close + 1)) {
    let before = close - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((close - before) % 2 === 1) return close;
  }
  return text.length;
}
