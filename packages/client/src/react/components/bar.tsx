import type { ReactNode } from 'react';

/** Progress, 0–100. */
export function Bar({ label, percent }: { label: string; percent: number }): ReactNode {
  const value = Math.round(Math.max(0, Math.min(100, percent)));
  return (
    <span
      className="mr-bar"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={value}
    >
      <span className="mr-bar-fill" style={{ width: `${value}%` }} />
    </span>
  );
}
