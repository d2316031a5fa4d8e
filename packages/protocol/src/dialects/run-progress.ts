import { openNodes } from '../node-counts.ts';
import type { ContentView, ControlView } from '../view.ts';

/** percent that a run is at whose nodes have all ended, and which may have failed by that */
const MOST = 99;

/**
 * How far a run has got, in percent: what it told itself, else its only node's progress, else the share of its nodes
 * that have ended. Only a completed run is at 100 by that.
 */
export function progressOf({ control, content }: { control: ControlView; content?: ContentView }): number {
  if (control.status === 'completed') return 100;
  return content?.progress ?? onlyProgress(control, content)?.progress ?? shareEnded(control);
}

/** What a run does now, in its own words. */
export function currentStepOf({
  control,
  content,
}: {
  control: ControlView;
  content?: ContentView;
}): string | undefined {
  return content?.message ?? onlyProgress(control, content)?.message;
}

/** Of the one node of a plain job. */
function onlyProgress(
  { graph }: ControlView,
  content: ContentView | undefined,
): ContentView['progresses'][string] | undefined {
  const [node] = graph;
  return node && graph.length === 1 ? content?.progresses[node.id] : undefined;
}

function shareEnded(control: ControlView): number {
  const total = Object.values(control.counts).reduce((sum, count) => sum + count, 0);
  return shareOf(total - openNodes(control), total);
}

/** The percent of a run's nodes that have ended while it has not completed. */
export function shareOf(ended: number, total: number): number {
  return total === 0 ? 0 : Math.min(MOST, Math.round((100 * ended) / total));
}
