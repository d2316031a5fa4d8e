import type { ContentView, ControlView } from '../view.ts';

/**
 * How far a run has got, in percent: what it told itself, else its only node's progress, else the share of its nodes
 * that have ended well. A completed run is at 100.
 */
export function progressOf({ control, content }: { control: ControlView; content?: ContentView }): number {
  if (control.status === 'completed') return 100;
  return content?.progress ?? onlyProgress(control, content)?.progress ?? shareDone(control);
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

function shareDone({ counts }: ControlView): number {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return total === 0 ? 0 : Math.round((100 * (counts.completed + counts.skipped)) / total);
}
