import {
  type Assignment,
  type ControlView,
  definitionId,
  graphIndex,
  type Journal,
  type Json,
  type NodeView,
} from '@millrace/protocol';
import type { Files } from '../files/files.ts';
import type { QueueRow } from '../store/store.ts';
import { plainInput } from './mapping.ts';
import type { Residents } from './resident.ts';
import { holdsBlob, resolveBlobs } from './resolve-blobs.ts';

/** What a worker is told of the attempt that was just started; undefined = it is over already. */
export async function assignmentOf(
  row: Pick<QueueRow, 'tenant' | 'run' | 'node' | 'task'>,
  { residents, files, leaseMs }: { residents: Residents; files: Files; leaseMs: number },
): Promise<Assignment | undefined> {
  const { control } = await residents.load(row);
  const node = control.nodes[row.node];
  if (node?.status !== 'running') return undefined;
  const assignment: Assignment = {
    run: row.run,
    node: row.node,
    attempt: node.attempt,
    task: row.task,
    workflow: control.workflow,
    tags: control.tags,
    leaseMs,
    input: plainInput(control, row.node) as Json,
    journal: journalOf(control, node),
  };
  const limit = graphIndex(control.graph).nodes.get(definitionId(row.node))?.timeout;
  if (node.version !== undefined) assignment.version = node.version;
  if (node.index !== undefined) assignment.index = node.index;
  if (control.owner !== undefined) assignment.owner = control.owner;
  if (limit !== undefined) assignment.timeoutMs = limit;
  const { input, journal } = assignment;
  if (!holdsBlob(input) && !holdsBlob(journal)) return assignment;
  const get = async (sha: string) => (await files.get(row.tenant, sha)).bytes;
  assignment.input = await resolveBlobs(input, get);
  assignment.journal = (await resolveBlobs(journal, get)) as unknown as Journal;
  return assignment;
}

/** What earlier attempts of the node have left in the log. */
function journalOf({ waits }: ControlView, node: NodeView): Journal {
  const journal: Journal = { steps: {}, waits: {}, checkpoints: {} };
  for (const id in node.steps) {
    const step = node.steps[id] as NodeView['steps'][string];
    if (step.status === 'completed') journal.steps[id] = step;
  }
  for (const id in waits) {
    const wait = waits[id] as ControlView['waits'][string];
    if (wait.node === node.id) journal.waits[id] = wait;
  }
  for (const key in node.checkpoints) {
    const { seq, state } = node.checkpoints[key] as NonNullable<NodeView['checkpoints']>[string];
    journal.checkpoints[key] = { seq, state };
  }
  return journal;
}
