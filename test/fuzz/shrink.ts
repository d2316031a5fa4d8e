/** Leaves out whatever `shows` the same without, for as long as there is time: halves first, then ever smaller pieces. */
export async function shrink<T>(
  steps: readonly T[],
  shows: (fewer: readonly T[]) => Promise<boolean>,
  isOver: () => boolean,
): Promise<readonly T[]> {
  let kept = steps;
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < kept.length; ) {
      if (isOver()) return kept;
      const fewer = kept.toSpliced(from, size);
      if (await shows(fewer)) kept = fewer;
      else from += size;
    }
  }
  return kept;
}
