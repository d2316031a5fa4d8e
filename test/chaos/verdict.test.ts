import type { EventType, RunEvent } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { judge, type Remains } from './verdict.ts';

type Told = [type: EventType, data?: object, place?: object];

/** The log of a run of one node: its attempt is lost after its effect, and the next one does the step again. */
const told = (workflow: string, output?: unknown): Told[] => [
  ['run.created', { workflow, nodes: [{ id: 'n', task: 't' }], input: null }],
  ['node.started', {}, { node: 'n', attempt: 1 }],
  ['step.started', { name: 's' }, { node: 'n', step: 's', attempt: 1 }],
  ['attempt.lost', { reason: 'lease_expired' }, { node: 'n', attempt: 1 }],
  ['node.started', {}, { node: 'n', attempt: 2 }],
  ['step.started', { name: 's' }, { node: 'n', step: 's', attempt: 2 }],
  ['step.completed', { name: 's', output: 1 }, { node: 'n', step: 's', attempt: 2 }],
  ['node.completed', { output }, { node: 'n', attempt: 2 }],
  ['run.completed', { output }],
];
const log = (told: Told[]): RunEvent[] =>
  told.map(([type, data = {}, place = {}], index) => ({ seq: index + 1, at: 1_000, type, ...place, data }) as RunEvent);

function remains(): Remains {
  const whole = log(told('everything', ['approved', 'proof of a draft', 'out']));
  const effects = ['a', 'b', 'c'].flatMap((run) => [1, 2].map((attempt) => `${run}/n/s\t${attempt}\tx\n`)).join('');
  return { logs: { a: whole, b: log(told('little')), c: log(told('little')) }, effects };
}

test('the judge lets a lawful crash pass', () => {
  expect(judge(remains(), 1)).toEqual({ runs: 3, lost: 3, keys: 3, lines: 6 });
});

/** Puts an event after the `at`-th of the first child's log. */
function put(left: Remains, at: number, ...event: Told): void {
  const events = (left.logs.b ?? []).map(({ type, data, seq: _, at: __, ...place }): Told => [type, data, place]);
  left.logs.b = log(events.toSpliced(at, 0, event));
}

test.each<[string, (left: Remains) => void, RegExp]>([
  ['a hole', ({ logs }) => logs.b?.splice(2, 1), /b at 4/],
  ['an event after the end', (left) => put(left, 9, 'log', { level: 'info', message: 'late' }), /after the end/],
  ['an unlawful move', (left) => put(left, 7, 'node.queued', {}, { node: 'n' }), /node.queued n from running/],
  ['a run that did not complete', ({ logs }) => logs.b?.pop(), /b ended running/],
  ['a child that was made twice', ({ logs, ...left }) => Object.assign(logs, { d: logs.b }, left), /created once/],
  [
    'output of an attempt whose lease was lost',
    (left) => put(left, 5, 'log', { level: 'info', message: 'zombie' }, { node: 'n', attempt: 1 }),
    /attempt 1 of n at 6 is over/,
  ],
  [
    'a step that is in the log twice',
    (left) => put(left, 3, 'step.completed', { name: 's', output: 1 }, { node: 'n', step: 's', attempt: 1 }),
    /completed twice/,
  ],
  [
    'a step that ran again after it had finished',
    (left) => Object.assign(left, { effects: left.effects.replace('b/n/s\t2', 'b/n/s\t3') }),
    /b\/n\/s was done again after it had finished/,
  ],
  [
    'an effect twice in an attempt',
    (left) => Object.assign(left, { effects: left.effects.replace('b/n/s\t1', 'b/n/s\t2') }),
    /twice in an attempt/,
  ],
  [
    'an effect more than the kills explain',
    (left) => Object.assign(left, { effects: `${left.effects}b/n/s\t3\tx\n` }),
    /3 times/,
  ],
  ['effects that differ', (left) => Object.assign(left, { effects: left.effects.replace('x', 'y') }), /different/],
  [
    'an effect that is missing',
    (left) => Object.assign(left, { effects: left.effects.replaceAll('b/n/s', 'a/n/s') }),
    /each step has its effect/,
  ],
])('[CHA-7] the judge finds %s', (_, doctor, message) => {
  const left = remains();
  doctor(left);
  expect(() => judge(left, 1)).toThrow(message);
});
