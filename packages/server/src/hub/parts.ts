import type { Expiries } from './expiry.ts';
import type { HubOptions } from './face.ts';
import type { GrantWatch } from './grant-watch.ts';
import type { RowFeeds } from './row-feeds.ts';
import type { RunLogs } from './run-logs.ts';

/** What the hub's connections are built from: its own options, and what they all share. */
export interface HubParts extends HubOptions {
  logs: RunLogs;
  feeds: RowFeeds;
  grants: GrantWatch;
  expiries: Expiries;
}
