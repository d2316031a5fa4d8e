import { type MessagePort, workerData } from 'node:worker_threads';
import type { LeaseRef, LeaseState } from '@millrace/protocol';

/**
 * The thread that renews leases over HTTP, so that a task which blocks its own thread keeps them. It imports nothing of
 * ours at run time: it has to start from TypeScript source and from a build alike.
 */
export interface RenewData {
  port: MessagePort;
  /** of the renewals */
  url: string;
  token: string;
  renewMs: number;
}

/** To the thread: all leases that are held now. */
export type RenewOrder = { leases: LeaseRef[] };

/** From the thread. `sent` = process.hrtime of sending, ns: the one clock that all threads share. */
export type RenewNews = { sent: bigint; states: LeaseState[] } | { failed: string };

const { port, url, token, renewMs } = workerData as RenewData;
let leases: LeaseRef[] = [];

port.on('message', (order: RenewOrder) => {
  const known = new Set(leases.map(key));
  const added = order.leases.some((lease) => !known.has(key(lease)));
  leases = order.leases;
  if (added) void renew();
});
setInterval(() => void renew(), renewMs);

async function renew(): Promise<void> {
  if (leases.length === 0) return;
  const sent = process.hrtime.bigint();
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ leases }),
      signal: AbortSignal.timeout(renewMs * 2),
    });
    if (!answer.ok) throw new Error(`HTTP ${answer.status} ${await answer.text()}`);
    const body = (await answer.json()) as { leases: LeaseState[] };
    port.postMessage({ sent, states: body.leases } satisfies RenewNews);
  } catch (error) {
    port.postMessage({
      failed: error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : String(error),
    } satisfies RenewNews);
  }
}

function key({ run, node, attempt }: LeaseRef): string {
  return `${run}/${node}/${attempt}`;
}
