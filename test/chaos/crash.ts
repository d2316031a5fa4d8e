// npm run test:chaos [-- both | server | worker [POINT]]: kills at every point that a run without a kill passes, each in
// a fresh folder, and says what came of it. Ends with 1 where a run did not end as it should.
import { availableParallelism } from 'node:os';
import type { FaultPoint } from './fault-points.ts';
import { type Cast, play } from './scenario.ts';

const casts: readonly Cast[] = ['both', 'server', 'worker'];
const [only, point] = process.argv.slice(2);
let failed = 0;
for (const cast of casts.filter((one) => only === undefined || one === only)) {
  const points = point === undefined ? (await play(cast)).passed : [point];
  const began = performance.now();
  const total = { hit: 0, lost: 0, again: 0 };
  const waiting = [...points];
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await one(cast, next, total);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(
    `${cast}: ${points.length} points, ${total.hit} kills, ${total.lost} attempts lost, ${total.again} effects again, ${seconds} s`,
  );
}
console.log(failed === 0 ? 'Every run ended as it should.' : `${failed} runs did not end as they should.`);
process.exit(failed === 0 ? 0 : 1);

async function one(cast: Cast, point: FaultPoint, total: { hit: number; lost: number; again: number }): Promise<void> {
  try {
    const { killed, verdict } = await play(cast, point);
    total.hit += killed ? 1 : 0;
    total.lost += verdict.lost;
    total.again += verdict.lines - verdict.keys;
  } catch (error) {
    failed += 1;
    console.log(error instanceof Error ? error.message : error);
  }
}
