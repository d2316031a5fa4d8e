import { writeSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule, TestRunEndReason } from 'vitest/node';

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Prints `N passed, N failed[, N skipped]` as the very last line, for readers that do not know vitest's summary.
 * In CI (CI=true) a skipped test fails the run.
 */
export default class TotalsReporter implements Reporter {
  #totals: Totals | undefined;

  onInit(): void {
    process.once('exit', () => {
      if (!this.#totals) return;
      if (this.#totals.skipped > 0 && process.env.CI === 'true') {
        writeSync(1, 'Tests were skipped, which CI does not accept.\n');
        process.exitCode = 1;
      }
      writeSync(1, `${totalsLine(this.#totals)}\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[], reason: TestRunEndReason): void {
    this.#totals = count(modules, unhandled.length, reason);
  }
}

function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** A file or suite that could not run, an unhandled error and a run that was cut short count as failures too. */
function count(modules: readonly TestModule[], unhandled: number, reason: TestRunEndReason): Totals {
  const totals: Totals = { passed: 0, failed: unhandled, skipped: 0 };
  for (const module of modules) {
    if (module.errors().length > 0) totals.failed++;
    for (const suite of module.children.allSuites()) if (suite.errors().length > 0) totals.failed++;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      totals[state === 'pending' ? 'skipped' : state]++;
    }
  }
  if (reason !== 'passed' && totals.failed === 0) totals.failed = 1;
  return totals;
}
