import { queueText } from '@millrace/client/present';
import { ConnectionLight, isStale, useCommands, useConnection, useInbox, useRuns } from '@millrace/client/react';
import { Link, Outlet } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import { useNow } from './now.ts';
import { SignIn } from './sign-in.tsx';
import { StatusBar } from './status-bar.tsx';
import { timeText } from './time-text.ts';

const open = { status: ['created', 'running', 'paused'], limit: 100 };

const link = 'rounded px-1 py-1 text-muted hover:text-ink aria-[current=page]:text-ink aria-[current=page]:font-medium';

/** What is around every page: the name, the ways to go, whether what is shown is the present, and what runs. */
export function Shell({ onToken }: { onToken(token: string): void }): ReactNode {
  const { state, transport } = useConnection();
  const { rows } = useRuns(open);
  const asOf = useAsOf(isStale(state));
  const commands = useCommands();
  const clock = useNow(commands.some(({ state: word }) => word === 'queued'));
  const asked = useInbox().value.length;
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-20 focus:rounded focus:bg-surface focus:px-3 focus:py-2"
      >
        Skip to the content
      </a>
      <header className="border-b border-line bg-surface">
        <div className="mx-auto flex min-h-12 max-w-7xl flex-wrap items-center gap-x-5 gap-y-1 px-4 py-1.5">
          <Link to="/" className="text-[1.05rem] font-semibold">
            Millrace
          </Link>
          <nav aria-label="Main" className="flex gap-3">
            <Link to="/" activeOptions={{ exact: true, includeSearch: false }} className={link}>
              Runs
            </Link>
            <Link to="/inbox" className={link}>
              Inbox
              {asked > 0 && (
                <span className="ml-1 rounded-full bg-warn px-1.5 text-[0.78rem] font-semibold text-surface tabular-nums">
                  {asked}
                  <span className="sr-only"> open</span>
                </span>
              )}
            </Link>
            <Link to="/knowledge" className={link}>
              Knowledge
            </Link>
            <Link to="/start" className={link}>
              Start a run
            </Link>
          </nav>
          <div className="ml-auto max-sm:sr-only">
            <ConnectionLight state={state} announces />
          </div>
        </div>
      </header>
      <main id="main" tabIndex={-1} className="mx-auto w-full max-w-7xl flex-1 px-4 py-5 outline-none">
        {state === 'signed-out' ? (
          <SignIn reason="The server does not accept this token; it may have expired." onToken={onToken} />
        ) : (
          <Outlet />
        )}
      </main>
      <StatusBar connection={{ state, transport, asOf }} running={rows} queue={queueText(commands, clock)} />
    </div>
  );
}

/** The time of day since which what is shown may be out of date; undefined while it is not. */
function useAsOf(stale: boolean): string | undefined {
  const [since, setSince] = useState<number>();
  const [wasFresh, setFresh] = useState(false);
  useEffect(() => {
    if (!stale) setFresh(true);
    setSince(stale ? Date.now() : undefined);
  }, [stale]);
  return wasFresh && since !== undefined ? timeText(since) : undefined;
}
