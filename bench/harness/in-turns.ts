/** Calls `one` for 0 … count-1, `width` at a time; fails as soon as one fails. */
export async function inTurns(count: number, one: (place: number) => Promise<unknown>, width = 32): Promise<void> {
  let next = 0;
  const go = async () => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, go));
}
