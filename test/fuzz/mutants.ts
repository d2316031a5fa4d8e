/** A fault that is planted in the product: a piece of one line of its source, and what stands in its place. */
export interface Mutant {
  name: string;
  /** what goes wrong */
  says: string;
  /** from the repository's root */
  file: string;
  line: string;
  put: string;
}

const hub = 'packages/server/src/hub/';
const client = 'packages/client/src/';

export const mutants: readonly Mutant[] = [
  {
    name: 'no-repair',
    says: 'nobody looks into the commits for lost hints',
    file: `${hub}hub.ts`,
    line: 'repair.start();',
    put: '',
  },
  {
    name: 'live-too-early',
    says: 'a reader goes live one event before it has caught up',
    file: `${hub}run-subscription.ts`,
    line: 'while (!this.#closed && this.#cursor < this.#log.known) {',
    put: 'while (!this.#closed && this.#cursor + 1 < this.#log.known) {',
  },
  {
    name: 'hint-before-commit',
    says: 'events are told before they are committed',
    file: 'packages/server/src/engine/commit-loop.ts',
    line: 'answer = await this.#store.commit({ server: this.#server, n: this.#n, at: now, parts, ...asksOf(looks) });',
    put: 'const early: BusMessage[] = []; for (const [at, draft] of drafts.entries()) addMessages(early, draft, parts[at] as Part, draft.firstSeq, now); this.#bus.publish(early); answer = await this.#store.commit({ server: this.#server, n: this.#n, at: now, parts, ...asksOf(looks) });',
  },
  {
    name: 'drop-on-overflow',
    says: 'what a full connection cannot take is left out',
    file: `${hub}run-subscription.ts`,
    line: 'if (range.seq !== this.#cursor + 1 || this.#destination.outbox.full) return this.behind();',
    put: 'if (this.#destination.outbox.full) { this.#cursor = range.through; return; } if (range.seq !== this.#cursor + 1) return this.behind();',
  },
  {
    name: 'fold-twice',
    says: 'the client folds each event twice',
    file: `${client}run-store.ts`,
    line: 'for (const event of events) next = fold(next, event, this.#fresh);',
    put: 'for (const event of events) next = fold(fold(next, event, this.#fresh), event, this.#fresh);',
  },
  {
    name: 'wrong-ctl',
    says: 'a decision on an older state of a run is written',
    file: 'packages/server/src/store/store-memory.ts',
    line: "if (run.ctl !== part.fence.ctl) return 'conflict';",
    put: '',
  },
  {
    name: 'lost-row',
    says: 'a run that comes to belong to a list is not told',
    file: `${hub}list-subscription.ts`,
    line: 'if (!belongs(row, queue, this.#query, this.#principal)) return;',
    put: 'return;',
  },
  {
    name: 'filter-without-range',
    says: 'a stretch of which a reader sees nothing is not told at all',
    file: `${hub}run-subscription.ts`,
    line: 'outbox.send(message);',
    put: 'if (range.parse(this.#lens).length > 0) outbox.send(message);',
  },
  {
    name: 'cursor-kept-at-gap',
    says: 'the client ignores the snapshot that follows a gap',
    file: `${client}subscription.ts`,
    line: 'if (cursor && sameLog && !position.gap && frame.seq <= cursor.seq) return { position };',
    put: 'if (cursor) return { position };',
  },
  {
    name: 'snapshot-ahead',
    says: 'a snapshot names the seq after its own',
    file: `${hub}run-fold.ts`,
    line: 'this.#text = new ViewText(seq, JSON.stringify(view));',
    put: 'this.#text = new ViewText(seq + 1, JSON.stringify(view));',
  },
  {
    name: 'tail-replayed',
    says: 'whoever comes back is sent their last event again',
    file: `${hub}run-subscription.ts`,
    line: 'this.#cursor = cursor.seq;',
    put: 'this.#cursor = Math.max(0, cursor.seq - 1);',
  },
  {
    name: 'page-of-another',
    says: 'the page cache does not tell runs apart',
    file: `${hub}run-log.ts`,
    line: 'this.key.run}/',
    put: '0}/',
  },
  {
    name: 'epoch-unread',
    says: 'a cursor of another epoch counts as one of this log',
    file: `${hub}run-subscription.ts`,
    line: 'if (cursor && (cursor.epoch !== this.#store.epoch || cursor.seq > row.head)) {',
    put: 'if (cursor && cursor.seq > row.head) {',
  },
  {
    name: 'snapshot-unveiled',
    says: 'the snapshot of a redacted reader is the fold of everything',
    file: `${hub}run-fold.ts`,
    line: 'const events = stretch.parse(this.#lens);',
    put: "const events = JSON.parse('[' + stretch.text + ']');",
  },
  {
    name: 'reader-forgotten',
    says: 'a full connection that drains is not written to again',
    file: `${hub}outbox.ts`,
    line: 'if (this.#waiting.push(resolve) === 1) this.#connection.onDrain(() => this.#release());',
    put: 'this.#waiting.push(resolve);',
  },
  {
    name: 'hidden-without-id',
    says: 'a stream says nothing of hidden events at the end of a stretch',
    file: 'packages/server/src/transport/sse-encoding.ts',
    line: 'if (seen.at(-1)?.seq !== range.through)',
    put: 'if (range.through < 0)',
  },
];

/** The source with the fault in it. Throws where the line is not there exactly once: then nothing would be planted. */
export function planted(mutant: Mutant, source: string): string {
  const pieces = source.split(mutant.line);
  if (pieces.length !== 2) {
    throw new Error(
      `${mutant.file} holds the line of mutant ${mutant.name} ${pieces.length - 1} times: ${mutant.line}`,
    );
  }
  return pieces.join(mutant.put);
}
