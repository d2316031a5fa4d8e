import type { RawRequest } from '../contenders/postgres-append.ts';
import type { AppendRequest } from '../harness/append-load.ts';
import { atLeast, type Claim } from '../harness/claim.ts';
import { Figures } from '../harness/figures.ts';
import { report, short } from '../harness/results.ts';
import { type Contender, runRound } from '../harness/round.ts';

interface AppendOptions {
  rounds: number;
  events: number;
  quick: boolean;
  write: boolean;
  profile: string | undefined;
}

const BATCH = 1_000;
/** Live runs. The last is what the targets are for. */
const RUNS = [100, 1_000];
const engine = 'Millrace';
const raw = `unnest of ${BATCH}`;
const single = 'one transaction per event';

type Entry = Contender & { request: AppendRequest | RawRequest };

/** Every contender's round is a process of its own with a Postgres of its own, fresh and with the same settings. */
export async function appendOnPostgres({ rounds, events, quick, write, profile }: AppendOptions): Promise<void> {
  const load = { events: quick ? 2_000 : events, producers: quick ? 200 : 2_000 };
  const entries = (runs: number): Entry[] => {
    const request = { ...load, runs };
    const few = { ...request, events: Math.ceil(load.events / 20) };
    return [
      { name: engine, file: 'contenders/millrace-append.ts', profile, request },
      { name: raw, file: 'contenders/postgres-append.ts', request: { ...request, batch: BATCH } },
      // It is so slow that it gets a twentieth of the events.
      { name: single, file: 'contenders/postgres-append.ts', request: { ...few, batch: 1 } },
    ];
  };
  const live = quick ? RUNS.slice(0, 1) : RUNS;
  const figures = new Figures();
  for (let round = 0; round < rounds; round++) {
    for (const runs of live) {
      for (const one of entries(runs)) figures.add(String(runs), one.name, await runRound(one, one.request));
    }
  }
  const claims = live.flatMap((runs): Claim[] => {
    const part = String(runs);
    return [
      { what: `${part} live runs: events/s, ${raw}`, ...figures.ratio(part, 'all', [engine, raw]), ...atLeast(0.8) },
      {
        what: `${part} live runs: events/s, ${single}`,
        ...figures.ratio(part, 'all', [engine, single]),
        ...atLeast(30),
      },
      {
        what: `${part} live runs: last fifth ÷ first`,
        ...figures.ratio(part, ['last', 'first'], [engine, engine]),
        ...atLeast(0.8),
      },
    ];
  });
  const hot = String(live.at(-1));
  report(
    {
      bench: 'append --store postgres',
      method: [
        `${load.events} events after a tenth as many that do not count; ${load.producers} producers that wait for their acknowledgement with one event`,
        `each. Beside it the bare insert of the same bytes by (run, seq), ${BATCH} rows in a statement and one, on one connection; rounds: ${rounds},`,
        'interleaved, each in a process of its own with a fresh Postgres of its own. What the table holds is counted in the end.',
      ],
      claims,
      tables: live.map((runs) => ({
        head: [`${runs} live runs`, 'events/s', 'first fifth', 'last fifth', 'bytes an event', 'one producer'],
        rows: [engine, raw, single].map((name) => [
          name,
          ...['all', 'first', 'last', 'bytes', 'alone'].map((figure) =>
            short(figures.median(String(runs), name, figure)),
          ),
        ]),
      })),
      settings: [engine, raw, single].map((name) => [name, figures.settings(hot, name)]),
      constants: {
        eventsPerSecond: figures.median(hot, engine, 'all'),
        commitsPerSecond: figures.median(hot, engine, 'alone'),
        eventBytes: figures.median(hot, engine, 'bytes'),
      },
    },
    write,
  );
}
