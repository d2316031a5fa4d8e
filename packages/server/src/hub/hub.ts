import { MillraceError } from '@millrace/protocol';
import { topics } from '../bus/bus.ts';
import { Attachment } from './attachment.ts';
import { Expiries } from './expiry.ts';
import type { Hub, HubOptions } from './face.ts';
import { Follower } from './follower.ts';
import { GrantWatch } from './grant-watch.ts';
import { Repair } from './repair.ts';
import { RowFeeds } from './row-feeds.ts';
import { RunLogs } from './run-logs.ts';
import { NativeSession } from './session.ts';
import { Snapshots } from './snapshots.ts';

interface Member {
  stop(reason: string, retryAfter: number): void;
}

export function createHub(options: HubOptions): Hub {
  const { store, bus, clock, metrics, server } = options;
  const logs = new RunLogs({ store, bus, metrics, clock });
  const feeds = new RowFeeds(store, bus);
  const snapshots = new Snapshots(logs, metrics);
  const grants = new GrantWatch(options);
  const expiries = new Expiries(clock);
  const parts = { ...options, logs, feeds, grants, expiries };
  const members = new Set<Member>();
  let stopped = false;

  const joined = (member: Member): void => {
    members.add(member);
    metrics.gauge('hub_connections', members.size);
  };
  const left = (member: Member): void => {
    members.delete(member);
    metrics.gauge('hub_connections', members.size);
  };

  const repair = new Repair({
    ...{ store, clock, metrics, server },
    async reached(runs) {
      snapshots.grown(runs);
      await Promise.all([logs.reached(runs), feeds.reached(runs)]);
    },
    async unsure() {
      feeds.stale();
      await logs.compareAll();
    },
  });
  const silence = bus.subscribe(topics.wake, () => void repair.look());
  repair.start();

  return {
    get epoch() {
      return store.epoch;
    },

    connect(principal, connection) {
      if (stopped) {
        connection.close(1012, 'shutting_down');
        return { receive() {}, closed() {} };
      }
      const session = new NativeSession(parts, principal, connection, left);
      joined(session);
      return session;
    },

    async follow(request) {
      if (stopped) throw new MillraceError('shutting_down');
      const follower = new Follower(parts, request, left);
      joined(follower);
      await follower.open();
      return follower;
    },

    attach(request) {
      if (stopped) request.connection.close(1012, 'shutting_down');
      const attachment = new Attachment(parts, request, left);
      if (stopped) attachment.closed();
      else joined(attachment);
      return attachment;
    },

    recheck: () => repair.look(),

    lag: () => logs.lag(),

    revoked: (tenant, grant) => grants.ended(tenant, grant),

    stop(reason, retryAfter = () => 0) {
      if (stopped) return;
      stopped = true;
      repair.stop();
      silence();
      snapshots.stop();
      const leaving = [...members];
      for (const member of leaving) member.stop(reason, retryAfter(leaving.length));
    },
  };
}
