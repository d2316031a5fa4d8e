import { runRound } from './harness/round.ts';
for (let round = 0; round < 2; round++)
for (const [l,b,p] of [[1,100,10],[1,200,10],[2,50,10],[2,100,10],[4,50,10],[2,100,20],[1,200,20],[2,100,5]]) {
  Object.assign(process.env, { L: String(l), B: String(b), P: String(p) });
  const a = await runRound({ name: 'x', file: 'peers/pg-boss/zz.ts' }, { jobs: 4000, inFlight: 200, rate: 50, seconds: 0.2, seed: 1 });
  console.log(l, b, p, a.figures.rate?.toFixed(0));
}
