import { availableParallelism } from 'node:os';
import type { FaultPoint } from './fault-points.ts';
import { type Cast, play } from './scenario.ts';

export const casts: readonly Cast[] = ['both', 'server', 'worker'];

/**
 * Kills at every point that a run without a kill passes, or at the given one, each in a fresh folder, and says what came
 * of it. Answers how many runs did not end as they should.
 */
export async function crash(cast: Cast, point?: FaultPoint): Promise<number> {
  const points = point === undefined ? (await play(cast)).passed : [point];
  const began = performance.now();
  const total = { hit: 0, lost: 0, again: 0, failed: 0 };
  const waiting = [...points];
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      try {
        const { killed, verdict } = await play(cast, next);
        total.hit += killed ? 1 : 0;
        total.lost += verdict.lost;
        total.again += verdict.lines - verdict.keys;
      } catch (error) {
        total.failed += 1;
        console.log(error instanceof Error ? error.message : error);
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(
    `${cast}: ${points.length} points, ${total.hit} kills, ${total.lost} attempts lost, ${total.again} effects again, ${total.failed} ended otherwise than they should, ${seconds} s`,
  );
  return total.failed;
}
