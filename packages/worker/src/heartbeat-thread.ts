import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Heartbeat, HeartbeatOptions } from './heartbeat.ts';
import { LeaseBook } from './lease-book.ts';
import type { RenewData, RenewNews, RenewOrder } from './renew-thread.ts';

/** Renews on a thread of its own, every `renewMs` and at once for a new lease. */
export function createThreadHeartbeat(options: HeartbeatOptions & { url: string; token: string }): Heartbeat {
  const { url, token, leaseMs, renewMs, clock, tell, report } = options;
  const { port1: port, port2 } = new MessageChannel();
  const file = import.meta.url.endsWith('.ts') ? './renew-thread.ts' : './renew-thread.js';
  const data: RenewData = { port: port2, url, token, renewMs };
  const thread = new Worker(new URL(file, import.meta.url), { workerData: data, transferList: [port2] });
  thread.on('error', (error) => report(error, 'the thread that renews leases'));

  const hear = (news: RenewNews): void => {
    if ('failed' in news) return report(new Error(news.failed), 'renewing leases');
    const age = Number(process.hrtime.bigint() - news.sent) / 1e6;
    for (const state of news.states) {
      if (state.state === 'lost') release(state);
      else book.extend(state, clock.now() - age + leaseMs);
      tell(state);
    }
  };
  // A timer that was due while the thread was blocked runs before the messages that came meanwhile are read.
  const refresh = (): void => {
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port))
      hear(next.message as RenewNews);
  };
  const book = new LeaseBook(
    clock,
    (lease) => {
      // The book has dropped it: the thread must stop renewing what nobody holds any more.
      order();
      tell({ ...lease, state: 'lost', reason: 'not renewed in time' });
    },
    refresh,
  );
  const order = (): void => port.postMessage({ leases: book.leases } satisfies RenewOrder);
  const release: Heartbeat['release'] = (lease) => {
    book.release(lease);
    order();
  };

  port.on('message', hear);
  // What keeps the process alive is the claiming, not this.
  port.unref();
  thread.unref();

  return {
    hold(lease) {
      book.hold(lease, clock.now() + leaseMs);
      order();
    },
    release,
    close() {
      book.clear();
      port.close();
      thread.terminate().catch((error: unknown) => report(error, 'ending the thread that renews leases'));
    },
  };
}
