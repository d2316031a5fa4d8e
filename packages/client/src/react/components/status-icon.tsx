import type { ReactNode } from 'react';
import type { AnyStatus } from '../../present/status.ts';

const RING = 'M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 1 1 0-12.5';
const ARC = 'M8 1.75a6.25 6.25 0 1 1-6.25 6.25';
const HOURGLASS = 'M4 2h8M4 14h8M5 2v2.5L8 8l3-3.5V2M5 14v-2.5L8 8l3 3.5V14';
const TICK = 'M2.5 8.5l3.75 3.75L13.5 4';

/** SVG paths in a box of 16 × 16. What a person has to tell apart has its own shape, not only its own colour. */
const paths: Record<AnyStatus, string> = {
  created: RING,
  pending: RING,
  queued: `${RING}M8 4.5V8h2.75`,
  running: ARC,
  processing: ARC,
  waiting: HOURGLASS,
  open: HOURGLASS,
  paused: 'M5.25 3v10M10.75 3v10',
  retrying: 'M13.5 8a5.5 5.5 0 1 1-1.6-3.9M13.5 1.5v3h-3',
  completed: TICK,
  answered: TICK,
  failed: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  timed_out: `${HOURGLASS}M1.5 1.5l13 13`,
  skipped: 'M3 3l5 5-5 5M8.5 3l5 5-5 5',
  cancelled: `${RING}M3.75 12.25l8.5-8.5`,
};

export function StatusIcon({ status }: { status: AnyStatus }): ReactNode {
  const spins = status === 'running' || status === 'processing';
  return (
    <svg
      className={spins ? 'mr-status-icon mr-spin' : 'mr-status-icon'}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={paths[status]} />
    </svg>
  );
}
