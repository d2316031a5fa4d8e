import {
  emptyControl,
  foldControl,
  isControl,
  isTerminal,
  nodeTable,
  type RunEvent,
  runTable,
} from '@millrace/protocol';
import type { Ledger } from './ledger.ts';

/** What is wrong with a log as a history: moves that no state allows, events after the end, answers given twice. */
export function judgeLog(run: string, log: readonly RunEvent[]): string | undefined {
  const control = emptyControl(run);
  let at = 0;
  for (const event of log) {
    const here = `${event.seq} ${event.type}`;
    if (isTerminal(control.status)) return `${here} follows the end`;
    if (event.at < at) return `${here} was before ${event.seq - 1}`;
    at = event.at;
    if (event.type in runTable[control.status] && !moves(runTable[control.status], event.type)) {
      return `${here} of a run that is ${control.status}`;
    }
    // What a run has inherited stands there as it was, before anything is done.
    const inherited = 'reused' in event.data && event.data.reused;
    const node = event.node === undefined || inherited ? undefined : control.nodes[event.node];
    if (node && event.type in nodeTable[node.status] && !moves(nodeTable[node.status], event.type)) {
      return `${here} of node ${node.id}, which is ${node.status}`;
    }
    if (event.type === 'approval.resolved' && !inherited && control.waits[event.data.approvalId]?.status !== 'open') {
      return `${here}, which was not open`;
    }
    if (isControl(event.type)) foldControl(control, event);
  }
  return undefined;
}

function moves(row: Readonly<Record<string, string | null>>, type: string): boolean {
  return row[type] !== null;
}

/** What a producer was told is written is in the log, and nothing is in it twice. */
export function judgeLines(ledger: Ledger, run: string, acknowledged: readonly string[]): string | undefined {
  const lines = ledger
    .seen(run, 1, Number.POSITIVE_INFINITY, { hide: [] })
    .flatMap((event) => (event.type === 'log' ? [event.data.message] : []));
  const held = new Set(lines);
  if (held.size !== lines.length) return 'holds a line twice';
  const missing = acknowledged.find((line) => !held.has(line));
  return missing === undefined ? undefined : `does not hold "${missing.slice(0, 60)}", which was acknowledged`;
}
