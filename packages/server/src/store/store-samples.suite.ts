import type { RunSummary } from '@millrace/protocol/view';
import type {
  Batch,
  ClaimRequest,
  CommitResult,
  DueRow,
  LeaseRow,
  Part,
  PartEvent,
  QueueRow,
  RunRowChange,
  Store,
  WaitRow,
} from './store.ts';

export const T0 = 1_800_000_000_000;
export const everything = { events: 1_000_000, bytes: 1_000_000_000 };

export const content = (text = 'x'): PartEvent => ({
  type: 'log',
  control: false,
  text: `"type":"log","data":{"level":"info","message":${JSON.stringify(text)}}}`,
});

export const control = (type: PartEvent['type'] = 'node.started'): PartEvent => ({
  type,
  control: true,
  text: `"type":"${type}","node":"n","data":{}}`,
});

export function summary(id: string, about: Partial<RunSummary> = {}): RunSummary {
  const counts = { nodes: { ended: 0, total: 1 }, openWaits: 0 };
  const times = { createdAt: T0, updatedAt: T0 };
  return { id, workflow: 'w', status: 'created', seq: 0, tags: [], external: false, ...times, ...counts, ...about };
}

export function row(id: string, about: Partial<RunRowChange> & { shown?: Partial<RunSummary> } = {}): RunRowChange {
  const { shown, ...change } = about;
  return { status: 'running', ended: false, ...change, summary: summary(id, shown) };
}

/** A part that creates a run with one control event; `about` replaces whatever it names. */
export const newRun = (run: string, about: Partial<Part> = {}): Part => ({
  tenant: 't',
  run,
  fence: 'new',
  events: [control('run.created')],
  row: row(run),
  ...about,
});

/** A part that appends to a run whose last control event is the first one; `about` replaces whatever it names. */
export const append = (run: string, about: Partial<Part> = {}): Part => ({
  tenant: 't',
  run,
  fence: { ctl: 1 },
  events: [content()],
  ...about,
});

export const end = (run: string, about: Partial<Part> = {}): Part =>
  append(run, {
    events: [control('run.completed')],
    row: row(run, { status: 'completed', ended: true, shown: { status: 'completed' } }),
    ...about,
  });

export const queued = (run: string, about: Partial<QueueRow> = {}): QueueRow => ({
  tenant: 't',
  run,
  node: 'n',
  task: 'work',
  queue: 'default',
  priority: 0,
  at: T0,
  ...about,
});

export const lease = (run: string, about: Partial<LeaseRow> = {}): LeaseRow => ({
  tenant: 't',
  run,
  node: 'n',
  attempt: 1,
  worker: 'w1',
  boot: '',
  expires: T0 + 6_000,
  ...about,
});

export const due = (run: string, key: string, about: Partial<DueRow> = {}): DueRow => ({
  tenant: 't',
  run,
  key,
  at: T0,
  command: '{}',
  ...about,
});

export const wait = (run: string, id: string, about: Partial<WaitRow> = {}): WaitRow => ({
  tenant: 't',
  run,
  id,
  kind: 'approval',
  node: 'n',
  workflow: 'w',
  title: 'Go on?',
  requestedAt: T0,
  ...about,
});

/** Commits batches of one server, numbered from 1. */
export function committer(
  store: Store,
  server = 's1',
): (parts: Part[], at?: number, asks?: ClaimRequest[]) => Promise<CommitResult> {
  let n = 0;
  return (parts, at = T0, asks) => {
    n += 1;
    const batch: Batch = { server, n, at, parts, ...(asks ? { asks } : {}) };
    return store.commit(batch);
  };
}

/** The reasons of those that dropped out, `ok` for the others. */
export const reasons = ({ parts }: CommitResult): string[] => parts.map((part) => (part.ok ? 'ok' : part.reason));

export async function logOf(store: Store, run: string, tenant = 't'): Promise<string | undefined> {
  return (await store.readLog({ tenant, run }, 0, everything))?.text;
}

export async function headOf(store: Store, run: string, tenant = 't'): Promise<number | undefined> {
  return (await store.runRow({ tenant, run }))?.head;
}
