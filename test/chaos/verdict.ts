import assert from 'node:assert/strict';
import {
  type ControlView,
  emptyControl,
  foldControl,
  isControl,
  isTerminal,
  type NodeMove,
  nodeTable,
  type RunEvent,
  type RunMove,
  runTable,
} from '@millrace/protocol';

/** What a crash test leaves behind: every run's log, and the lines that the steps' effects wrote. */
export interface Remains {
  logs: Record<string, RunEvent[]>;
  effects: string;
}

export interface Verdict {
  runs: number;
  keys: number;
  lines: number;
  /** attempts that ended with their lease */
  lost: number;
}

/** Throws where a run did not end as it should, whatever was killed in between; `kills` of the executing process. */
export function judge({ logs, effects }: Remains, kills: number): Verdict {
  const runs = Object.entries(logs);
  assert.equal(runs.length, RUNS, 'each child is created once');
  for (const [run, log] of runs) {
    const { status, output, nodes } = lawful(run, log);
    assert.equal(status, 'completed', `${run} ended ${status}`);
    for (const node of Object.values(nodes)) assert.equal(node.status, 'completed', `${node.id} is ${node.status}`);
    if (log[0]?.type === 'run.created' && log[0].data.workflow === 'everything') assert.deepEqual(output, OUTPUT);
    fenced(log);
  }
  const lost = runs.flatMap(([, log]) => log).filter((event) => event.type === 'attempt.lost').length;
  return { runs: runs.length, lost, ...once(logs, effects, kills) };
}

/** Everything of the run itself, and two children: a sub-workflow's and a task's. */
const RUNS = 3;
const OUTPUT = ['approved', 'proof of a draft', 'out'];

/** What is wrong with a log by itself: a hole, a move that no table allows, or a word of an attempt that is over. */
export function unlawful(run: string, log: readonly RunEvent[]): string | undefined {
  try {
    lawful(run, log);
    fenced(log);
    return undefined;
  } catch (error) {
    if (!(error instanceof assert.AssertionError)) throw error;
    return `the log of ${run}: ${error.message}`;
  }
}

/** The log has no hole, every move stands in the tables, and its terminal event is the last. */
function lawful(run: string, log: readonly RunEvent[]): ControlView {
  let control = emptyControl(run);
  for (const [index, event] of log.entries()) {
    const at = `${run} at ${event.seq}: ${event.type} ${event.node ?? ''}`;
    assert.equal(event.seq, index + 1, at);
    assert.ok(!isTerminal(control.status), `${at} after the end`);
    if (event.type in runTable.created) assert.ok(runTable[control.status][event.type as RunMove], at);
    if (event.type in nodeTable.pending) {
      const from = control.nodes[event.node as string]?.status ?? 'pending';
      assert.ok(nodeTable[from][event.type as NodeMove], `${at} from ${from}`);
    }
    if (isControl(event.type)) control = foldControl(control, event);
  }
  return control;
}

/** No attempt is heard of after its lease was lost, nor after a newer one began; what the engine says of it may follow. */
function fenced(log: readonly RunEvent[]): void {
  const over = new Map<string, number>();
  for (const { seq, type, by, node = '', attempt = 0 } of log) {
    if (type === 'attempt.lost') over.set(node, attempt);
    else if (attempt > 0 && by !== 'system')
      assert.ok(attempt > (over.get(node) ?? 0), `attempt ${attempt} of ${node} at ${seq} is over`);
    if (type === 'node.started') over.set(node, attempt - 1);
  }
}

/**
 * Per idempotency key at least one line, all lines say the same, and a second one only where the kill came between
 * effect and commit: the attempt that wrote it was lost, and the step was not in the log.
 */
function once(logs: Remains['logs'], effects: string, kills: number): { keys: number; lines: number } {
  const lines = effects
    .trim()
    .split('\n')
    .map((line) => line.split('\t') as [key: string, attempt: string, value: string]);
  const byKey = Map.groupBy(lines, ([key]) => key);
  const completed = new Map<string, number>();
  for (const [run, log] of Object.entries(logs)) {
    for (const event of log) {
      if (event.type !== 'step.completed') continue;
      const key = `${run}/${event.node}/${event.step}`;
      assert.ok(!completed.has(key), `${key} completed twice`);
      completed.set(key, event.attempt ?? 0);
    }
  }
  assert.deepEqual(
    [...byKey.keys()].sort(),
    [...completed.keys()].sort(),
    'each effect is a finished step, and each step has its effect',
  );
  for (const [key, list] of byKey) {
    assert.equal(new Set(list.map(([, , value]) => value)).size, 1, `${key} had different effects`);
    assert.ok(list.length <= 1 + kills, `${key} was done ${list.length} times`);
    const attempts = list.map(([, attempt]) => Number(attempt));
    assert.equal(new Set(attempts).size, list.length, `${key} was done twice in an attempt`);
    assert.equal(Math.max(...attempts), completed.get(key), `${key} was done again after it had finished`);
    const [run = '', node] = key.split('/');
    for (const attempt of attempts.filter((one) => one !== completed.get(key))) {
      const lost = logs[run]?.some(
        (event) => event.type === 'attempt.lost' && event.node === node && event.attempt === attempt,
      );
      assert.ok(lost, `${key} was done by attempt ${attempt}, which was not lost`);
    }
  }
  return { keys: byKey.size, lines: lines.length };
}
