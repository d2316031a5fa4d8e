import { isTerminal } from '@millrace/protocol/run';
import type { NodeView, RunView, WaitView } from '@millrace/protocol/view';
import type { AnyStatus } from './status.ts';

/** One bar of a run's timeline. */
export interface TimelineRow {
  /** `node`, `node/step` or `node/#wait`: steps as the view's progresses are keyed */
  key: string;
  kind: 'node' | 'step' | 'wait';
  label: string;
  status: AnyStatus;
  /** ms since the epoch; undefined = it has not begun */
  startedAt: number | undefined;
  endedAt: number | undefined;
  /** where the bar begins and how long it is, as parts of the whole (0–1) */
  left: number;
  width: number;
}

export interface Timeline {
  /** ms since the epoch */
  start: number;
  end: number;
  rows: TimelineRow[];
}

/**
 * A run's nodes in the order in which they began, each followed by its steps and waits. What runs reaches to
 * `now`, ms since the epoch; where the connection is away, give the time of the last event.
 */
export function timelineOf(view: RunView, now: number): Timeline {
  const { control } = view;
  const start = control.createdAt;
  const last = isTerminal(control.status) ? (control.endedAt ?? view.at) : Math.max(now, view.at);
  const end = Math.max(last, start + 1);
  const begun = (node: NodeView) => node.startedAt ?? node.endedAt ?? Number.POSITIVE_INFINITY;
  const waits = Map.groupBy(Object.values(control.waits), ({ node }) => node);
  const nodes = Object.values(control.nodes).toSorted((a, b) => (begun(a) === begun(b) ? 0 : begun(a) - begun(b)));
  const rows = nodes.flatMap((node) => spansOf(node, waits.get(node.id) ?? []));
  return {
    start,
    end,
    rows: rows.map((row) => {
      const from = row.startedAt ?? end;
      const to = row.startedAt === undefined ? from : (row.endedAt ?? end);
      const share = (ms: number) => Math.min(1, Math.max(0, ms / (end - start)));
      return { ...row, left: share(from - start), width: share(to - from) };
    }),
  };
}

type Span = Omit<TimelineRow, 'left' | 'width'>;

function spansOf(node: NodeView, waits: readonly WaitView[]): Span[] {
  const { id, status, startedAt, endedAt } = node;
  const steps = Object.entries(node.steps).map(
    ([step, view]): Span => ({
      key: `${id}/${step}`,
      kind: 'step',
      label: step,
      status: view.status,
      startedAt: view.startedAt,
      endedAt: view.endedAt,
    }),
  );
  const waitSpans = waits.map(
    (wait): Span => ({
      key: `${id}/#${wait.id}`,
      kind: 'wait',
      label: wait.approval?.title ?? wait.input?.prompt ?? wait.child?.workflow ?? wait.kind,
      status: wait.status,
      startedAt: wait.requestedAt,
      endedAt: wait.endedAt,
    }),
  );
  const inside = [...steps, ...waitSpans].sort((a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0));
  return [{ key: id, kind: 'node', label: id, status, startedAt, endedAt }, ...inside];
}
