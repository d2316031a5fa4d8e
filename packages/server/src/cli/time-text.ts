/** ms since the epoch as `2026-11-21 04:22:00`, UTC. */
export function timeText(at: number): string {
  return new Date(at).toISOString().replace('T', ' ').slice(0, 19);
}
