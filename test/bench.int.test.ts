import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
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

  test('[BEN-5] append on Postgres: all is in the table, in as many bytes as in the bare one, with the settings', async () => {
    const run = bench(['append', ...quick, '--store', 'postgres']);
    expect(await run.exited, run.output).toBe(0);
    const bytes = (name: string) =>
      Number(new RegExp(`^\\| ${name} .* (\\d+) \\| +\\S+ \\|$`, 'm').exec(run.output)?.[1]);
    expect(bytes('Millrace')).toBeGreaterThan(200);
    expect(Math.abs(bytes('Millrace') - bytes('unnest of 1000'))).toBeLessThan(3);
    expect(run.output).toMatch(/^- Millrace: Postgres fsync=on .*synchronous_commit=on/m);
    expect(run.output).toMatch(/^- unnest of 1000: Postgres fsync=on .*synchronous_commit=on/m);
  }, 60_000);

  test('[BEN-6] across: followers on both servers get everything, with Redis and without', async () => {
    const run = bench(['across', ...quick]);
    expect(await run.exited, run.output).toBe(0);
    for (const hints of ['Redis', 'Postgres alone']) {
      expect(run.output).toMatch(new RegExp(`^\\| ${hints} +(\\| +[\\d.]+ ){4}\\|$`, 'm'));
    }
  }, 60_000);

  test('append: prints the engine beside the bare insert', async () => {
    const run = bench(['append', ...quick]);
    expect(await run.exited, run.output).toBe(0);
    expect(run.output).toMatch(/^ +1000 \| .*k .*\| .*k .*\| \d/m);
  }, 60_000);
});

describe('the simulator', () => {
  const constants = {
    ...{ eventsPerSecond: 100_000, commitsPerSecond: 1_000, eventBytes: 200, jobsPerSecond: 10_000 },
    ...{ deliveriesPerCore: 1_000_000, eventMicroseconds: 10, redisHopMs: 1, postgresHopMs: 3 },
  };
  const kept = (found: Record<string, number>) => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'results.json');
    const benches = ['across', 'append --store postgres', 'fanout', 'jobs --store postgres'];
    writeFileSync(file, JSON.stringify(benches.map((name) => ({ bench: name, constants: found }))));
    return file;
  };

  test('[BEN-7] reckons with what was measured: databases, how busy, acknowledgement, servers', async () => {
    const asked = ['--events', '40000', '--jobs', '1000', '--followers', '11', '--results', kept(constants)];
    const run = bench(['simulate', ...asked]);
    expect(await run.exited, run.output).toBe(0);
    expect(run.output).toContain('One Postgres is busy to 70 % at 70.0k events/s.');
    // 40k/100k + 1k/10k = 50 %: a shared commit lasts 1 ms ÷ 0.5; 0.4 + 0.4 cores, of which 0.7 may be busy.
    expect(run.output).toMatch(/^\| 40\.0k +\| +1000 \| +11\.0 \| +1 \| +50 % \| +3\.00 \| +2 \| +691 \|$/m);
    // 170 % is more than two databases may be busy.
    expect(run.output).toMatch(/^\| 160k +\| .* +3 \| +57 % \|/m);
  });

  test('[BEN-7] names what was not measured, and how it is', async () => {
    const { eventBytes: _, ...rest } = constants;
    const run = bench(['simulate', '--results', kept(rest)]);
    expect(await run.exited, run.output).toBe(1);
    expect(run.output).toMatch(
      /Not measured yet: eventBytes\. Run:\s+npm run bench -- append --store postgres --write/,
    );
  });
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
  expect(run.output).toMatch(/There is no benchmark nothing.*Benchmarks: across, append,.* jobs,.*steps/s);
});
