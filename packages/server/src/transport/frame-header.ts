export const TEXT = 0x1;
export const BINARY = 0x2;

const FINAL = 0x80;
/** the message is deflated (RFC 7692) */
const DEFLATED = 0x40;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** The header of a whole, unmasked WebSocket frame (RFC 6455, 5.2) of so many bytes. */
export function frameHeader(bytes: number, kind = TEXT, deflated = false): Buffer {
  const first = FINAL | kind | (deflated ? DEFLATED : 0);
  if (bytes < LENGTH_16) return Buffer.from([first, bytes]);
  if (bytes < 0x1_00_00) return Buffer.from([first, LENGTH_16, bytes >> 8, bytes & 0xff]);
  const header = Buffer.alloc(10);
  header[0] = first;
  header[1] = LENGTH_64;
  header.writeBigUInt64BE(BigInt(bytes), 2);
  return header;
}
