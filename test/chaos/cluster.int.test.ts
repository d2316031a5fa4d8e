import { expect, test } from 'vitest';
import { cluster, shortCluster } from './cluster.ts';

const seed = Number(process.env.CHAOS_SEED ?? 20261121);

test('[CHA-11] two servers over one Postgres and one Redis, which break in turn: nothing missing, nothing twice, every acknowledged append in the log, every run ends', async () => {
  const acts: string[] = [];
  const { verdict, connections } = await cluster(seed, shortCluster, (line) => acts.push(line));
  expect(verdict.findings, `seed ${seed}, ${acts.join()}`).toEqual([]);
  expect(acts).toHaveLength(shortCluster.acts);
  expect(Math.min(...Object.values(connections)), 'every transport was used').toBeGreaterThan(0);
  expect(verdict.delivered).toBeGreaterThan(1_000);
}, 120_000);
