import { type Assignment, definitionId, graphIndex, type Journal } from '@millrace/protocol';
import type { Files } from '../files/files.ts';
import type { QueueRow } from '../store/store.ts';
import { plainInput } from './mapping.ts';
import type { Residents } from './resident.ts';
import { resolveBlobs } from './resolve-blobs.ts';

/** What a worker is told of the attempt that was just started; undefined = it is over already. */
export async function assignmentOf(
  row: Pick<QueueRow, 'tenant' | 'run' | 'node' | 'task'>,
  { residents, files, leaseMs }: { residents: Residents; files: Files; leaseMs: number },
): Promise<Assignment | undefined> {
  const { control } = await residents.load(row);
  const node = control.nodes[row.node];
  if (node?.status !== 'running') return undefined;
  const get = async (sha: string) => (await files.get(row.tenant, sha)).bytes;
  const limit = graphIndex(control.graph).nodes.get(definitionId(row.node))?.timeout;
  const steps = Object.fromEntries(Object.entries(node.steps).filter(([, step]) => step.status === 'completed'));
  const waits = Object.fromEntries(Object.entries(control.waits).filter(([, wait]) => wait.node === row.node));
  const checkpoints = Object.fromEntries(
    Object.entries(node.checkpoints ?? {}).map(([key, saved]) => [key, { seq: saved.seq, state: saved.state }]),
  );
  const base = {
    run: row.run,
    node: row.node,
    attempt: node.attempt,
    task: row.task,
    workflow: control.workflow,
    tags: control.tags,
    leaseMs,
    ...(node.version === undefined ? {} : { version: node.version }),
    ...(node.index === undefined ? {} : { index: node.index }),
    ...(control.owner === undefined ? {} : { owner: control.owner }),
    ...(limit === undefined ? {} : { timeoutMs: limit }),
  };
  const [input, journal] = await Promise.all([
    resolveBlobs(plainInput(control, row.node), get),
    resolveBlobs({ steps, waits, checkpoints }, get) as unknown as Promise<Journal>,
  ]);
  return { ...base, input, journal };
}
