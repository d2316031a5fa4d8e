import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** A text as a table keeps it: as it is, or where it is long, compressed by zstd. */
export type Packed = string | Buffer;

/** Compresses a text of at least `from` characters: from some on that takes less time than the pages it saves. */
export function pack(text: string, from: number): Packed {
  return text.length < from ? text : zstdCompressSync(text);
}

export function unpack(packed: Packed): string {
  return typeof packed === 'string' ? packed : zstdDecompressSync(packed).toString();
}
