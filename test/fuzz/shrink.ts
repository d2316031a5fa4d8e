import { type Outcome, play } from './play.ts';
import type { Step } from './script.ts';

/** Leaves out steps that the fault does not need, as long as there is time; the fault may change its words. */
export async function shrink(
  seed: number,
  steps: readonly Step[],
  until: () => boolean,
): Promise<{ steps: Step[]; outcome: Outcome | undefined }> {
  let kept = [...steps];
  let outcome: Outcome | undefined;
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < kept.length; ) {
      if (until()) return { steps: kept, outcome };
      const fewer = kept.toSpliced(from, size);
      const played = await play(seed, fewer);
      if (played.faults.length === 0) from += size;
      else [kept, outcome] = [fewer, played];
    }
  }
  return { steps: kept, outcome };
}
