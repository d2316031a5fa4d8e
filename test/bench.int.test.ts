import { afterEach, describe, expect, test } from 'vitest';
import { Process } from './process.ts';

const started: Process[] = [];
const bench = (args: string[], env?: Record<string, string>) => {
  const made = new Process('bench/bench.ts', args, env);
  started.push(made);
  return made;
};

afterEach(async () => {
  for (const one of started.splice(0)) await one.kill();
});

describe('a benchmark, at its smallest and without peers', () => {
  const quick = ['--quick', '--no-peers'];

  test('[BEN-1] jobs: every job is complete in its own records, with its whole log', async () => {
    const run = bench(['jobs', ...quick, '--seed', '7']);
    expect(await run.exited, run.output).toBe(0);
    expect(run.output).toMatch(/^- Millrace: 490 jobs completed a round; SQLite synchronous=FULL/m);
    expect(run.output).toMatch(/^- bare SQL, 4 events: 440 jobs completed a round/m);
  }, 60_000);

  test('[BEN-1] steps: every workflow is complete, with all its steps in its log', async () => {
    const run = bench(['steps', ...quick]);
    expect(await run.exited, run.output).toBe(0);
    expect(run.output).toMatch(/^- Millrace: 8 workflows a round, 17 completed/m);
  }, 60_000);

  test.concurrent.for([
    ['fanout', /^\| Millrace +\| +[\d.]+[kM]? \| +[\d.]+ \|/m],
    ['catchup', /^\| Millrace +\| +20 \|/m],
    ['connections', /^\| idle connections on one server +\| +200 \|/m],
    ['stalled', /^\| Millrace, one stalled .*\| +\d+ \| +[\d.]+ \|$/m],
    ['attach', /^\| first view, warm server +\| +[\d.]+ ms \|/m],
  ] as const)(
    '[BEN-3] %s: nothing is lost or doubled, and the row is there',
    { timeout: 120_000 },
    async ([name, row], { expect, onTestFinished }) => {
      const run = new Process('bench/bench.ts', [name, ...quick]);
      onTestFinished(() => run.kill());
      expect(await run.exited, run.output).toBe(0);
      expect(run.output).toMatch(row);
    },
  );

  test('append: prints the engine beside the bare insert', async () => {
    const run = bench(['append', ...quick]);
    expect(await run.exited, run.output).toBe(0);
    expect(run.output).toMatch(/^ +1000 \| .*k .*\| .*k .*\| \d/m);
  }, 60_000);
});

test.each([
  ['jobs', /redis-server, which BullMQ needs, cannot be installed/],
  // The peers' own packages may be there or not.
  ['fanout', /^Error: (The peer ws|redis-server, which Socket.IO’s adapters need,) cannot be installed/m],
])(
  '[BEN-2] %s: a peer that cannot be installed is a failure that names it, not a missing row',
  async (name, words) => {
    const run = bench([name], { PATH: '/nonexistent' });
    expect(await run.exited, run.output).toBe(1);
    expect(run.output).toMatch(words);
    expect(run.output).not.toContain('|');
  },
  60_000,
);

test('an unknown benchmark is answered with those that there are', async () => {
  const run = bench(['nothing']);
  expect(await run.exited, run.output).toBe(1);
  expect(run.output).toMatch(/There is no benchmark nothing.*Benchmarks: append,.* jobs,.*steps/s);
});
