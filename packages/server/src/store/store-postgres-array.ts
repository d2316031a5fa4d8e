/** Postgres' numbers of the element types. */
const INT8 = 20;
const TEXT = 25;
/** dimensions, nulls, element type, length, first subscript */
const HEADER = 20;

/**
 * Arrays in Postgres' binary form. A text array as text is escaped here and parsed there, character by character: that
 * is a third of the time that a commit of a thousand events takes.
 */
export function textArray(values: readonly string[]): Buffer {
  let size = HEADER;
  for (const value of values) size += 4 + Buffer.byteLength(value);
  const array = begin(size, TEXT, values.length);
  let place = HEADER;
  for (const value of values) {
    const bytes = array.write(value, place + 4);
    array.writeInt32BE(bytes, place);
    place += 4 + bytes;
  }
  return array;
}

/** Whole numbers. */
export function numberArray(values: readonly number[]): Buffer {
  const array = begin(HEADER + values.length * 12, INT8, values.length);
  let place = HEADER;
  for (const value of values) {
    array.writeInt32BE(8, place);
    array.writeInt32BE(Math.floor(value / 2 ** 32), place + 4);
    array.writeUInt32BE(value >>> 0, place + 8);
    place += 12;
  }
  return array;
}

function begin(size: number, type: number, length: number): Buffer {
  const array = Buffer.allocUnsafe(size);
  array.writeInt32BE(1, 0);
  array.writeInt32BE(0, 4);
  array.writeInt32BE(type, 8);
  array.writeInt32BE(length, 12);
  array.writeInt32BE(1, 16);
  return array;
}
