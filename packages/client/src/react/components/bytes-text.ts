const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** A size for people: `820 B`, `12.4 KB`. 1 KB = 1,024 bytes. */
export function bytesText(bytes: number): string {
  let size = bytes;
  let unit = 0;
  for (; size >= 1_024 && unit < UNITS.length - 1; unit++) size /= 1_024;
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${UNITS[unit]}`;
}
