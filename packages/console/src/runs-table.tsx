import { costText, durationText } from '@millrace/client/present';
import { RunStatus } from '@millrace/client/react';
import type { RunSummary } from '@millrace/protocol/view';
import { Link } from '@tanstack/react-router';
import { type KeyboardEvent, memo, type ReactNode } from 'react';
import { momentText } from './time-text.ts';

const head = 'px-3 py-2 max-sm:px-2 text-left font-medium text-muted';

/** Runs, newest first; the arrow keys go from one to the next. On a narrow screen the lesser columns are left out. */
export function RunsTable({ rows, now }: { rows: readonly RunSummary[]; now: number }): ReactNode {
  return (
    <div className="overflow-x-auto rounded-lg border border-line bg-surface">
      <table className="w-full border-collapse max-sm:text-[0.9rem]">
        <caption className="sr-only">Runs, newest first</caption>
        <thead className="border-b border-line">
          <tr>
            <th scope="col" className={head}>
              Status
            </th>
            <th scope="col" className={head}>
              Workflow
            </th>
            <th scope="col" className={`${head} max-sm:hidden`}>
              Started
            </th>
            <th scope="col" className={`${head} text-right`}>
              Duration
            </th>
            <th scope="col" className={`${head} text-right max-md:hidden`}>
              Nodes
            </th>
            <th scope="col" className={`${head} text-right max-md:hidden`}>
              Cost
            </th>
          </tr>
        </thead>
        <tbody onKeyDown={moveFocus}>
          {rows.map((row) => (
            <Row key={row.id} row={row} now={now} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

const Row = memo(function Row({ row, now }: { row: RunSummary; now: number }): ReactNode {
  const { id, workflow, status, detail, createdAt, startedAt, endedAt, nodes, cost } = row;
  return (
    <tr className="relative border-b border-line last:border-0 hover:bg-bg">
      <td className="px-3 py-2 max-sm:px-2">
        <RunStatus status={status} detail={detail} />
      </td>
      <td className="px-3 py-2 max-sm:px-2">
        <Link
          to="/runs/$id"
          params={{ id }}
          className="font-medium text-ink after:absolute after:inset-0 hover:underline"
        >
          {workflow}
        </Link>
        <span className="ml-2 font-mono text-[0.82rem] text-muted max-sm:hidden">{id.slice(-8)}</span>
      </td>
      <td className="px-3 py-2 max-sm:px-2 tabular-nums max-sm:hidden">
        <time dateTime={new Date(createdAt).toISOString()}>{momentText(createdAt, now)}</time>
      </td>
      <td className="px-3 py-2 max-sm:px-2 text-right whitespace-nowrap tabular-nums">
        {startedAt === undefined ? '–' : durationText((endedAt ?? now) - startedAt)}
      </td>
      <td className="px-3 py-2 max-sm:px-2 text-right tabular-nums max-md:hidden">
        {nodes.ended}/{nodes.total}
      </td>
      <td className="px-3 py-2 max-sm:px-2 text-right tabular-nums max-md:hidden">
        {cost === undefined ? '–' : costText(cost)}
      </td>
    </tr>
  );
});

/** Up and down go from link to link, Home and End to the first and the last. */
function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  const links = [...event.currentTarget.querySelectorAll('a')];
  const at = links.indexOf(document.activeElement as HTMLAnchorElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
  const link = to === undefined ? undefined : links[to];
  if (at < 0 || !link) return;
  event.preventDefault();
  link.focus();
}
