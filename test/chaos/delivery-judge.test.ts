import { emptyView, fold, passes, type RunEvent, type RunSummary } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { type DeliveryRemains, judgeDelivery, markOf, viewPrint } from './delivery-judge.ts';
import { type Piece, rangePiece, type Stretch } from './stretch.ts';

const filter = { nodes: ['n1'] };

/** A run of ten events, and a client that was cut twice and came back with its cursor each time. */
function remains(): DeliveryRemains {
  const line = (seq: number): RunEvent => ({
    ...{ seq, at: 1_000, type: 'log', node: seq % 2 === 0 ? 'n1' : 'n2' },
    data: { level: 'info', message: `line ${seq}` },
  });
  const log: RunEvent[] = [
    { seq: 1, at: 1_000, type: 'run.created', data: { workflow: 'mill', nodes: [], input: null, external: true } },
    { seq: 2, at: 1_000, type: 'run.started', data: {} },
    ...[3, 4, 5, 6, 7, 8, 9].map(line),
    { seq: 10, at: 1_000, type: 'run.completed', data: {} },
  ];
  const seen = log.filter((event) => passes(event, filter));
  const viewOf = (events: RunEvent[]) => viewPrint(events.reduce((view, event) => fold(view, event), emptyView('a')));
  const range = (seq: number, through: number) => rangePiece(seq, through, log.slice(seq - 1, through));
  const stretch = (transport: Stretch['transport'], after: number | undefined, pieces: Piece[]): Stretch => ({
    ...{ client: 0, transport, run: 'a', pieces },
    ...(after !== undefined && { after }),
  });
  const row = { id: 'a', workflow: 'mill', status: 'completed', seq: 10, tags: [] } as unknown as RunSummary;
  return {
    logs: { a: log },
    lists: [{ rows: [row], total: 1 }],
    strays: [],
    stretches: [
      stretch('websocket', undefined, [{ kind: 'snapshot', seq: 1 }, range(2, 3), range(4, 5)]),
      stretch('sse', 4, [range(5, 5), range(6, 6)]),
      stretch('page', 6, [range(7, 10)]),
      { ...stretch('websocket', 3, [rangePiece(4, 10, seen.slice(2))]), filter },
    ],
    runs: [
      { client: 0, run: 'a', continuity: 'complete', view: viewOf(log), told: [2, 3, 4, 5, 6, 7, 8, 9, 10] },
      { client: 1, run: 'a', filter, continuity: 'complete', view: viewOf(seen), told: [4, 6, 8, 10] },
    ],
    listed: [{ client: 0, list: 0, shown: { rows: [{ ...row }], total: 1 } }],
    acknowledged: [
      { run: 'a', marks: log.slice(1, 4).map(markOf), seq: 4 },
      { run: 'a', marks: [markOf(log[7] as RunEvent)] },
    ],
  };
}

test('the judge finds nothing where nothing is wrong', () => {
  expect(judgeDelivery(remains())).toEqual({ findings: [], delivered: 14, stretches: 4, acknowledged: 2 });
});

type Events = Extract<Piece, { kind: 'range' }>['events'];

/** The events of one piece, to be meddled with. */
function eventsOf(left: DeliveryRemains, stretch: number, piece: number): Events {
  const found = left.stretches[stretch]?.pieces[piece];
  if (found?.kind !== 'range') throw new Error('no range');
  return found.events;
}

test.each<[string, (left: DeliveryRemains) => void, RegExp]>([
  [
    'an event that a frame left out',
    (left) => eventsOf(left, 2, 0).splice(1, 1),
    /page of a after 6: missing 8 in 7–10/,
  ],
  ['frames that left one out', (left) => left.stretches[0]?.pieces.splice(1, 1), /after a snapshot: missing 2–3/],
  ['a first frame that begins too late', (left) => left.stretches[1]?.pieces.shift(), /sse of a after 4: missing 5–5/],
  ['an event twice in a frame', (left) => eventsOf(left, 2, 0).splice(1, 0, [8, '']), /twice 8 in 7–10/],
  [
    'an event in two frames',
    (left) => left.stretches[1]?.pieces.push(left.stretches[1].pieces[1] as Piece),
    /sse of a after 4: twice 6–6/,
  ],
  ['events in another order', (left) => eventsOf(left, 2, 0).reverse(), /9 out of order in 7–10/],
  [
    'an event that the filter hides',
    (left) => eventsOf(left, 3, 0).unshift(eventsOf(left, 1, 0)[0] as Events[number]),
    /unwanted 5 in 4–10/,
  ],
  ['other text than in the log', (left) => eventsOf(left, 2, 0).splice(1, 1, [8, 'x']), /other text .* at 8 in 7–10/],
  [
    'a frame that promises more than there is',
    (left) => Object.assign(left.stretches[2]?.pieces[0] ?? {}, { through: 11 }),
    /covers 11, but the log ends at 10/,
  ],
  ['a frame that nobody asked for', (left) => left.strays.push('client 0 got a range of b unasked'), /of b unasked/],
  [
    'an explicit gap',
    (left) => left.stretches[2]?.pieces.unshift({ kind: 'gap', requested: 'e:6', latest: 10 }),
    /told a gap after e:6/,
  ],
  [
    'a snapshot in place of events',
    (left) => left.stretches[2]?.pieces.unshift({ kind: 'snapshot', seq: 6 }),
    /a snapshot of 6 in place of events after 6/,
  ],
  ['an application that missed one', (left) => left.runs[0]?.told.splice(3, 1), /application was told missing 5/],
  ['an application that was told twice', (left) => left.runs[1]?.told.push(10), /application was told twice 10/],
  ['a view that differs', (left) => Object.assign(left.runs[0] ?? {}, { view: 'x' }), /not the fold of the log/],
  [
    'a view that is not whole',
    (left) => Object.assign(left.runs[1] ?? {}, { continuity: 'repaired' }),
    /continuity is repaired/,
  ],
  [
    'a list that stands still',
    (left) => Object.assign(left.listed[0]?.shown.rows[0] ?? {}, { status: 'running', seq: 4 }),
    /list 0: shows a as running at 4, and it is completed at 10/,
  ],
  [
    'a list that lost a row',
    (left) => Object.assign(left.listed[0] ?? {}, { shown: { rows: [], total: 1 } }),
    /shows a as missing/,
  ],
  [
    'an acknowledged append that is not in the log',
    (left) => left.acknowledged[1]?.marks.push('log n1   gone '),
    /acknowledged in a, but in the log 0 times: "log n1 {3}gone "/,
  ],
  [
    'an append that was written twice',
    ({ logs }) => Object.assign(logs.a?.[8] ?? {}, { data: { level: 'info', message: 'line 8' }, node: 'n1' }),
    /the log of a holds "log n1 {3}line 8 " twice, again at 9/,
  ],
  [
    'an append that was acknowledged at another place',
    (left) => Object.assign(left.acknowledged[0] ?? {}, { seq: 5 }),
    /acknowledged at 5 in a, but elsewhere/,
  ],
  ['a hole in the log', ({ logs }) => logs.a?.splice(4, 1), /the log of a: a at 6/],
  ['a run that has not ended', ({ logs }) => logs.a?.pop(), /a has not ended/],
  [
    'a word of an attempt whose lease was lost',
    ({ logs }) => {
      const [place, at] = [{ node: 'n', attempt: 1 }, 1_000];
      const zombie: RunEvent[] = [
        { seq: 3, at, type: 'node.started', ...place, data: { task: 't' } },
        { seq: 4, at, type: 'attempt.lost', ...place, data: { reason: 'lease_expired' } },
        { seq: 5, at, type: 'log', ...place, data: { level: 'info', message: 'still here' } },
      ];
      logs.a?.splice(2, 3, ...zombie);
    },
    /the log of a: attempt 1 of n at 5 is over/,
  ],
])('[CHA-10] the judge finds %s', (_, doctor, message) => {
  const left = remains();
  doctor(left);
  expect(judgeDelivery(left).findings.join('\n')).toMatch(message);
});
