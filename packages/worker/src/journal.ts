import {
  type BlobRef,
  type Journal,
  type Json,
  MillraceError,
  stepId,
  type WaitKind,
  type WaitView,
} from '@millrace/protocol';

/** Pure: what a journal says of a durable call. Identity is (node, name, key). */

const NAME_LIMIT = 200;

/** A durable call's identity within its node. Errors: `invalid_request` for a name that is none. */
export function callId(name: string, key: string | undefined): string {
  if (name === '' || name.length > NAME_LIMIT || name.includes('/')) {
    throw new MillraceError('invalid_request', {
      detail: `"${name.slice(0, 80)}" is not a name of a step: 1 to ${NAME_LIMIT} characters without "/". A key may hold any.`,
    });
  }
  return stepId(name, key);
}

export function waitIdFor(node: string, id: string): string {
  return `${node}:${id}`;
}

/** A result that the log holds, and where. */
export interface Recorded<T> {
  seq: number;
  value: T;
}

/** The step's result, or undefined where it has to run: it never did, did not finish, or failed. */
export function findStep(journal: Journal, node: string, id: string): Recorded<Json | BlobRef | undefined> | undefined {
  const wait = journal.waits[waitIdFor(node, id)];
  if (wait) throw mismatch(id, 'a step', nameOf(wait.kind));
  const step = journal.steps[id];
  return step?.status === 'completed' ? { seq: step.seq, value: step.output } : undefined;
}

/** The wait as the log holds it, open or ended; undefined where it was never begun. */
export function findWait(journal: Journal, kind: WaitKind, node: string, id: string): WaitView | undefined {
  if (journal.steps[id]) throw mismatch(id, nameOf(kind), 'a step');
  const wait = journal.waits[waitIdFor(node, id)];
  if (wait && wait.kind !== kind) throw mismatch(id, nameOf(kind), nameOf(wait.kind));
  return wait;
}

function nameOf(kind: WaitKind): string {
  return kind === 'child' ? 'a child run' : `${kind === 'sleep' ? 'a' : 'an'} ${kind}`;
}

function mismatch(id: string, called: string, held: string): MillraceError {
  return new MillraceError('journal_mismatch', {
    detail: `"${id}" is called as ${called}, but the log holds it as ${held}.`,
    facts: { call: id, called, held },
  });
}

/** Places of everything that a replay can be answered with. */
export function* resultsOf(journal: Journal): Generator<number> {
  for (const id in journal.steps) {
    const step = journal.steps[id];
    if (step?.status === 'completed') yield step.seq;
  }
  for (const id in journal.waits) {
    const seq = journal.waits[id]?.endedSeq;
    if (seq !== undefined) yield seq;
  }
  for (const key in journal.checkpoints) {
    const saved = journal.checkpoints[key];
    if (saved) yield saved.seq;
  }
}
