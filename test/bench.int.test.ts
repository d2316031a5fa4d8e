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
    expect(run.output).toMatch(/^Millrace, SQLite: 490 jobs completed a round; SQLite synchronous=FULL/m);
    expect(run.output).toMatch(/^bare SQL, 4 events: 440 jobs completed a round/m);
  }, 60_000);

  test('[BEN-1] steps: every workflow is complete, with all its steps in its log', async () => {
    const run = bench(['steps', ...quick]);
    expect(await run.exited, run.output).toBe(0);
    expect(run.output).toMatch(/^Millrace, SQLite: 8 workflows a round, 17 completed/m);
  }, 60_000);

  test('append: prints the engine beside the bare insert', async () => {
    const run = bench(['append', ...quick]);
    expect(await run.exited, run.output).toBe(0);
    expect(run.output).toMatch(/^ +1000 \| .*k .*\| .*k .*\| \d/m);
  }, 60_000);
});

test('[BEN-2] a peer that cannot be installed is a failure that names it, not a missing row', async () => {
  const run = bench(['jobs'], { PATH: '/nonexistent' });
  expect(await run.exited, run.output).toBe(1);
  expect(run.output).toMatch(/redis-server, which BullMQ needs, cannot be installed/);
  expect(run.output).not.toContain('jobs/s');
}, 60_000);

test('an unknown benchmark is answered with those that there are', async () => {
  const run = bench(['nothing']);
  expect(await run.exited, run.output).toBe(1);
  expect(run.output).toMatch(/There is no benchmark nothing.*Benchmarks: append,.* jobs,.*steps/s);
});
