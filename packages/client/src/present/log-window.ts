import type { LogLevel } from '@millrace/protocol/event';
import type { LogLine } from '@millrace/protocol/view';

export interface LogFilter {
  /** default: all */
  levels?: readonly LogLevel[];
  /** part of the message or the node's name, in either case */
  text?: string;
  node?: string;
  /** true = also what a newer attempt has retracted */
  superseded?: boolean;
}

/** The lines to show, oldest first. */
export function logWindow(lines: readonly LogLine[], filter: LogFilter = {}): LogLine[] {
  const { levels, node, superseded = false } = filter;
  const text = filter.text?.trim().toLowerCase() ?? '';
  return lines.filter(
    (line) =>
      (superseded || !line.superseded) &&
      (levels === undefined || levels.includes(line.level)) &&
      (node === undefined || line.node === node) &&
      (text === '' || line.message.toLowerCase().includes(text) || line.node?.toLowerCase().includes(text)),
  );
}
