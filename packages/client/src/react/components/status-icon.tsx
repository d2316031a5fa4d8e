import type { NodeState } from '@millrace/protocol/node';
import type { PublicStatus } from '@millrace/protocol/run';
import type { ReactNode } from 'react';

/** of a run, node, step, document or tool call */
export type AnyStatus = PublicStatus | NodeState | 'processing';

export type Tone = 'ok' | 'busy' | 'warn' | 'bad' | 'idle';

interface Look {
  tone: Tone;
  /** an SVG path in a box of 16 × 16, drawn with a stroke */
  path: string;
  spins?: true;
}

const RING = 'M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 1 1 0-12.5';

/** Every status has its own shape, so that nobody needs its colour. */
const looks: Record<AnyStatus, Look> = {
  created: { tone: 'idle', path: RING },
  pending: { tone: 'idle', path: RING },
  queued: { tone: 'idle', path: `${RING}M8 4.5V8h2.75` },
  running: { tone: 'busy', path: 'M8 1.75a6.25 6.25 0 1 1-6.25 6.25', spins: true },
  processing: { tone: 'busy', path: 'M8 1.75a6.25 6.25 0 1 1-6.25 6.25', spins: true },
  waiting: { tone: 'warn', path: 'M4 2h8M4 14h8M5 2v2.5L8 8l3-3.5V2M5 14v-2.5L8 8l3 3.5V14' },
  paused: { tone: 'warn', path: 'M5.25 3v10M10.75 3v10' },
  retrying: { tone: 'warn', path: 'M13.5 8a5.5 5.5 0 1 1-1.6-3.9M13.5 1.5v3h-3' },
  completed: { tone: 'ok', path: 'M2.5 8.5l3.75 3.75L13.5 4' },
  failed: { tone: 'bad', path: 'M3.5 3.5l9 9M12.5 3.5l-9 9' },
  skipped: { tone: 'idle', path: 'M3 3l5 5-5 5M8.5 3l5 5-5 5' },
  cancelled: { tone: 'idle', path: `${RING}M3.75 12.25l8.5-8.5` },
};

export function StatusIcon({ status }: { status: AnyStatus }): ReactNode {
  const { path, spins } = looks[status];
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
      <path d={path} />
    </svg>
  );
}

export function toneOf(status: AnyStatus): Tone {
  return looks[status].tone;
}
