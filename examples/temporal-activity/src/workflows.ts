import { proxyActivities } from '@temporalio/workflow';
import type * as activities from './activities.ts';

const { copyTable } = proxyActivities<typeof activities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { maximumAttempts: 3 },
});

/** One node of the run per table, all at once. */
export function copyTables(tables: string[]): Promise<{ table: string; parts: number }[]> {
  return Promise.all(tables.map((table) => copyTable(table, 10)));
}
