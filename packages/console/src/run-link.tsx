import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

/** The way to another run's page. */
export function RunLink({ run, text }: { run: string; text: string }): ReactNode {
  return (
    <Link to="/runs/$id" params={{ id: run }} className="text-accent underline underline-offset-2" title={run}>
      {text}
    </Link>
  );
}
