import type { ControlView, NewEvent } from '@millrace/protocol';
import type { DecideContext } from './outcome.ts';

/** Starts a sub-workflow's node: it runs as long as its child run does. */
export function startChild(control: ControlView, id: string, workflow: string, { newId }: DecideContext): NewEvent[] {
  const attempt = (control.nodes[id]?.attempt ?? 0) + 1;
  return [
    { type: 'node.started', node: id, attempt, by: 'system', data: {} },
    {
      type: 'child.started',
      node: id,
      attempt,
      by: 'system',
      data: { childId: `${id}:child-${attempt}`, run: newId(), workflow },
    },
  ];
}
