import type { ContentView, ControlView, NodeView, StepView } from '@millrace/protocol/view';
import { type ReactNode, useState } from 'react';
import { Bar } from './bar.tsx';
import { durationText } from './duration-text.ts';
import { wordOf } from './run-status.tsx';
import { type AnyStatus, StatusIcon, toneOf } from './status-icon.tsx';

export interface StepTimelineProps {
  nodes: ControlView['nodes'];
  progresses: ContentView['progresses'];
  /** ms since the epoch, for what has not ended; give the time of the last event where that is stale */
  now: number;
}

const BRIEF = 12;

/** What happened in which order: every node with its steps. Long lists are folded to what needs a look. */
export function StepTimeline({ nodes, progresses, now }: StepTimelineProps): ReactNode {
  const [isWhole, setWhole] = useState(false);
  const entries = entriesOf(nodes);
  const shown = isWhole ? entries : briefOf(entries);
  return (
    <>
      <ol className="mr-steps" aria-label="Steps">
        {shown.map((entry) => (
          <Entry key={entry.key} entry={entry} progress={progresses[entry.key]} now={now} />
        ))}
      </ol>
      {entries.length > BRIEF && (
        <button type="button" className="mr-link" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show fewer' : `Show all ${entries.length.toLocaleString('en')}`}
        </button>
      )}
    </>
  );
}

interface TimelineEntry {
  /** `node` or `node/step`, as the progresses are keyed */
  key: string;
  name: string;
  status: AnyStatus;
  isNode: boolean;
  startedAt?: number | undefined;
  endedAt?: number | undefined;
  note?: string | undefined;
  error?: string | undefined;
}

/** Nodes in the order they began (those that have not, as in the graph), each followed by its steps. */
export function entriesOf(nodes: ControlView['nodes']): TimelineEntry[] {
  const begun = (node: NodeView): number => node.startedAt ?? node.endedAt ?? Number.POSITIVE_INFINITY;
  return Object.values(nodes)
    .toSorted((a, b) => (begun(a) === begun(b) ? 0 : begun(a) - begun(b)))
    .flatMap((node) => [nodeEntry(node), ...Object.entries(node.steps).map(([id, step]) => stepEntry(node, id, step))]);
}

function nodeEntry(node: NodeView): TimelineEntry {
  const notes: string[] = [];
  if (node.attempt > 1) notes.push(`attempt ${node.attempt}`);
  if (node.lost > 0) notes.push(`${node.lost === 1 ? 'worker' : `${node.lost} workers`} lost`);
  if (node.items) notes.push(`${node.items.count - node.items.open} of ${node.items.count} items`);
  if (node.reused) notes.push('reused');
  if (node.reason !== undefined && node.reason !== '') notes.push(node.reason);
  return {
    key: node.id,
    name: node.id,
    status: node.status,
    isNode: true,
    startedAt: node.startedAt,
    endedAt: node.endedAt,
    note: notes.join(', ') || undefined,
    error: node.error?.message,
  };
}

function stepEntry(node: NodeView, id: string, step: StepView): TimelineEntry {
  return {
    key: `${node.id}/${id}`,
    name: step.key === undefined ? step.name : `${step.name} ${step.key}`,
    status: step.status,
    isNode: false,
    startedAt: step.startedAt,
    endedAt: step.endedAt,
    note: step.reused ? 'reused' : step.attempt < node.attempt ? `from attempt ${step.attempt}` : undefined,
    error: step.error?.message,
  };
}

/** Nodes, and of the steps those that run or failed and the newest that ended, in their order. */
export function briefOf(entries: readonly TimelineEntry[]): readonly TimelineEntry[] {
  if (entries.length <= BRIEF) return entries;
  const telling = entries.filter(({ status }) => ['running', 'failed', 'waiting', 'retrying'].includes(status));
  const rest = entries.filter((entry) => !telling.includes(entry));
  const nodesFirst = [...rest.filter(({ isNode }) => isNode), ...rest.filter(({ isNode }) => !isNode).reverse()];
  const kept = new Set([...telling.slice(-BRIEF), ...nodesFirst].slice(0, BRIEF));
  return entries.filter((entry) => kept.has(entry));
}

function Entry(props: {
  entry: TimelineEntry;
  progress: { progress: number; message?: string } | undefined;
  now: number;
}): ReactNode {
  const { entry, progress, now } = props;
  const { name, status, isNode, startedAt, endedAt, note, error } = entry;
  const isRunning = status === 'running';
  return (
    <li className={isNode ? 'mr-step mr-step-node' : 'mr-step'}>
      <span className={`mr-tone-${toneOf(status)} mr-step-icon`}>
        <StatusIcon status={status} />
      </span>
      <span className="mr-step-name" title={name}>
        {name}
        <span className="mr-sr-only">, {wordOf(status)}</span>
        {note !== undefined && <span className="mr-step-note"> {note}</span>}
      </span>
      <span className="mr-step-time">
        {startedAt === undefined ? (isNode ? wordOf(status) : '') : durationText((endedAt ?? now) - startedAt)}
      </span>
      {isRunning && progress !== undefined && (
        <span className="mr-step-more">
          <Bar label={`Progress of ${name}`} percent={progress.progress} />
          {progress.message !== undefined && <span className="mr-quiet">{progress.message}</span>}
        </span>
      )}
      {error !== undefined && <span className="mr-step-more mr-error">{error}</span>}
    </li>
  );
}
