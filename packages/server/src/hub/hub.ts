import { MillraceError } from '@millrace/protocol';
import type { Hub, HubOptions } from './face.ts';
import { Follower } from './follower.ts';
import { RunLogs } from './run-log.ts';
import { NativeSession } from './session.ts';

/** ms between two looks for lost hints, where other servers write to the same store */
const RECHECK_MS = 1_000;

export function createHub(options: HubOptions): Hub {
  const { store, bus, clock, metrics } = options;
  const logs = new RunLogs(store, bus, metrics);
  const inside = { ...options, logs };
  const members = new Set<{ stop(reason: string): void }>();
  let stopped = false;

  const join = <M extends { stop(reason: string): void }>(make: (left: () => void) => M): M => {
    const member = make(() => {
      members.delete(member);
      metrics.gauge('hub_connections', members.size);
    });
    members.add(member);
    metrics.gauge('hub_connections', members.size);
    return member;
  };

  const recheck = async () => {
    await Promise.all(
      logs.all.map(async (log) => {
        const row = await store.runRow(log.key);
        if (row) log.reaches(row.head, row.ended);
      }),
    );
  };

  const recheckLater = (): (() => void) =>
    clock.after(RECHECK_MS, () => {
      recheck()
        .catch(() => metrics.count('hub_recheck_errors_total'))
        .finally(() => {
          if (!stopped) cancelRecheck = recheckLater();
        });
    });
  let cancelRecheck = store.capabilities.shared ? recheckLater() : () => {};

  return {
    epoch: store.epoch,

    connect(principal, connection) {
      if (!stopped) return join((left) => new NativeSession(inside, principal, connection, left));
      connection.close(1012, 'shutting_down');
      return { receive() {}, closed() {} };
    },

    async follow(request) {
      if (stopped) throw new MillraceError('shutting_down');
      const follower = join((left) => new Follower(inside, request, left));
      await follower.open();
      return follower;
    },

    recheck,

    stop(reason) {
      if (stopped) return;
      stopped = true;
      cancelRecheck();
      for (const member of [...members]) member.stop(reason);
    },
  };
}
