/** A vector's direction as text: one signed byte a dimension, base64: a tenth of its JSON. */
export function writeVector(vector: readonly number[]): string {
  const largest = vector.reduce((max, value) => Math.max(max, Math.abs(value)), 0) || 1;
  return Buffer.from(Int8Array.from(vector, (value) => Math.round((value / largest) * 127)).buffer).toString('base64');
}

export function readVector(text: string): Int8Array {
  return new Int8Array(Buffer.from(text, 'base64'));
}

/** From -1 to 1; only the directions count. 0 where the dimensions differ: then another model made one of them. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return 0;
  let dot = 0;
  let lengthA = 0;
  let lengthB = 0;
  for (let place = 0; place < a.length; place += 1) {
    const x = a[place] ?? 0;
    const y = b[place] ?? 0;
    dot += x * y;
    lengthA += x * x;
    lengthB += y * y;
  }
  return lengthA === 0 || lengthB === 0 ? 0 : dot / Math.sqrt(lengthA * lengthB);
}
