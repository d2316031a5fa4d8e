const FORM = /^([+-]?\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:?\d\d)?$/i;

/** How far a reader has got by a timestamp alone. */
export interface TimePosition {
  /** ms since the epoch */
  at: number;
  /**
   * The timestamp is ours: everything up to and including this seq has been read. Without it the timestamp is somebody's
   * clock: the reader wants what happened at `at` or later.
   */
  seq?: number;
}

/**
 * A timestamp whose digits after the ms carry a place in the log. `at` in ms since the epoch, a whole number; any seq up
 * to 2⁵³ − 1. From seq 100,000 on the fraction has ten digits or more, of which V8's Date reads the ms wrongly where they
 * begin with a zero: up to a second late.
 */
export function formatTimePosition(at: number, seq: number): string {
  return `${new Date(at).toISOString().slice(0, -1)}${placeOf(seq)}Z`;
}

/**
 * Clocks write 3, 6, 7 or 9 digits of a second's fraction: eight, and ten or more, are ours. Eight are read by all; one
 * more than nine is needed rarely.
 */
function placeOf(seq: number): string {
  return String(seq).padStart(seq < 100_000 ? 5 : 7, '0');
}

/** Reads what {@link formatTimePosition} wrote, and any other ISO 8601 time; without a zone it is UTC. */
export function parseTimePosition(text: string): TimePosition | undefined {
  const [, seconds, fraction = '', zone = 'Z'] = FORM.exec(text) ?? [];
  if (seconds === undefined) return undefined;
  const at = Date.parse(`${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}${withColon(zone.toUpperCase())}`);
  if (Number.isNaN(at)) return undefined;
  const place = fraction.slice(3);
  const seq = Number(place);
  return Number.isSafeInteger(seq) && place === placeOf(seq) ? { at, seq } : { at };
}

function withColon(zone: string): string {
  return /^[+-]\d{4}$/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone;
}
