import { MillraceError } from '@millrace/protocol';
import type { Metrics } from '../metrics/metrics.ts';
import type { SourceReport } from './source.ts';

/** A logger, as far as sources need one. */
export interface WarnLog {
  warn(facts: object, message: string): void;
}

/** characters of what was refused that the log shows */
const SHOWN = 500;

/** Counts by source, so that an operator sees which producer is at fault. */
export function createReport(source: string, metrics: Pick<Metrics, 'count'>, log: WarnLog): SourceReport {
  return {
    refused(what, error) {
      const code = error instanceof MillraceError ? error.code : 'internal';
      metrics.count('source_refused_total', 1, { source, code });
      log.warn({ source, code, err: error, what: what.slice(0, SHOWN) }, 'refused what a producer told');
    },
    skipped(messages) {
      metrics.count('source_skipped_total', messages, { source });
      log.warn({ source, messages }, 'went on without messages that a producer sent before');
    },
    lost(trouble) {
      log.warn({ source }, trouble);
    },
    delayed(error) {
      metrics.count('source_delayed_total', 1, { source });
      log.warn({ source, err: error }, 'could not write what a producer told; trying again');
    },
  };
}
