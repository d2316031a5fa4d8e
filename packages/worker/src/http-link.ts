import {
  type AppendAnswer,
  type Assignment,
  type BlobRef,
  type Clock,
  type LeaseRef,
  type LeaseState,
  MillraceError,
  type NewEvent,
  type WorkerLink,
  type WorkerRegistration,
} from '@millrace/protocol';
import { backoff, type Random } from './backoff.ts';
import { pause } from './clock.ts';
import { type Heartbeat, noHeartbeat } from './heartbeat.ts';
import { createThreadHeartbeat } from './heartbeat-thread.ts';
import { type HttpOptions, request } from './http-request.ts';
import { sentData } from './server-sent-events.ts';

export interface HttpLinkOptions extends HttpOptions {
  clock: Clock;
  random: Random;
  /** told what failed and is being tried again */
  report(error: unknown, during: string): void;
}

/** ms that an answer may take beyond what was asked for */
const PATIENCE = 15_000;
const ENDS = new Set(['node.completed', 'node.failed', 'node.waiting', 'node.parked']);

/**
 * A link to a server elsewhere. It renews leases itself, on a thread of its own, from their claim until the append that
 * ends their attempt; listens for signals; and registers again with a server that does not know it any more.
 */
export function createHttpLink(options: HttpLinkOptions): WorkerLink {
  const { url, token, clock, random, report } = options;
  const closed = new AbortController();
  let registration: WorkerRegistration | undefined;
  let heartbeat: Heartbeat = noHeartbeat;
  let listener: (state: LeaseState) => void = () => {};
  const tell = (state: LeaseState): void => listener(state);

  const post = async <T>(path: string, json: unknown, signal = AbortSignal.timeout(PATIENCE)): Promise<T> => {
    const response = await request(options, {
      method: 'POST',
      path,
      json,
      signal: AbortSignal.any([signal, closed.signal]),
    });
    return (await response.json()) as T;
  };
  const pathOf = (worker: string, what: string): string => `/api/workers/${encodeURIComponent(worker)}/${what}`;

  const register = (worker: WorkerRegistration): Promise<{ leaseMs: number; renewMs: number }> => {
    const { id, tasks, workflows, concurrency, queues } = worker;
    return post('/api/workers', { id, tasks, workflows, concurrency, ...(queues ? { queues } : {}) });
  };

  const listen = async (worker: WorkerRegistration): Promise<void> => {
    for (let tries = 0; !closed.signal.aborted; tries += 1) {
      try {
        if (tries > 0) await register(worker);
        const path = pathOf(worker.id, 'signals');
        const { body } = await request(options, { method: 'GET', path, signal: closed.signal });
        tries = 0;
        if (body) for await (const data of sentData(body)) tell(JSON.parse(data) as LeaseState);
      } catch (error) {
        if (!closed.signal.aborted) report(error, 'listening for signals');
      }
      await pause(clock, backoff(tries, random), closed.signal);
    }
  };

  const claim = async (worker: string, limit: number, wait: number, signal?: AbortSignal): Promise<Assignment[]> => {
    const patience = AbortSignal.timeout(wait + PATIENCE);
    const until = signal ? AbortSignal.any([signal, patience]) : patience;
    const answer = await post<{ assignments: Assignment[] }>(pathOf(worker, 'claim'), { limit, wait }, until);
    return answer.assignments;
  };

  return {
    renewsItself: true,

    async register(worker) {
      const times = await register(worker);
      if (!registration) {
        const renewals = new URL(pathOf(worker.id, 'renew'), url).href;
        heartbeat = createThreadHeartbeat({ worker: worker.id, ...times, url: renewals, token, clock, tell, report });
        listen(worker).catch((error: unknown) => report(error, 'listening for signals'));
      }
      registration = worker;
      return times;
    },

    async claim({ worker, limit, wait }, signal) {
      let assignments: Assignment[];
      try {
        assignments = await claim(worker, limit, wait, signal);
      } catch (error) {
        if (!registration || !(error instanceof MillraceError && error.code === 'not_found')) throw error;
        await register(registration);
        assignments = await claim(worker, limit, wait, signal);
      }
      for (const assignment of assignments) heartbeat.hold(assignment);
      return assignments;
    },

    async append(lease: LeaseRef, sequence: number, events: NewEvent[]) {
      const path = `/api/runs/${encodeURIComponent(lease.run)}/attempts/${lease.attempt}/events`;
      try {
        const answer = await post<AppendAnswer>(path, { node: lease.node, sequence, events });
        if (ENDS.has(events.at(-1)?.type ?? '')) heartbeat.release(lease);
        return answer;
      } catch (error) {
        if (error instanceof MillraceError && error.code === 'stale_attempt') heartbeat.release(lease);
        throw error;
      }
    },

    async renew(worker, leases) {
      return (await post<{ leases: LeaseState[] }>(pathOf(worker, 'renew'), { leases })).leases;
    },

    onSignal(hear) {
      listener = hear;
      return () => {
        listener = () => {};
      };
    },

    async putBlob(bytes, type) {
      const response = await request(options, {
        method: 'PUT',
        path: '/api/files',
        bytes,
        type,
        signal: closed.signal,
      });
      return (await response.json()) as BlobRef;
    },

    async getBlob(sha256) {
      const response = await request(options, { method: 'GET', path: `/api/files/${sha256}`, signal: closed.signal });
      return new Uint8Array(await response.arrayBuffer());
    },

    close() {
      closed.abort();
      heartbeat.close();
      return Promise.resolve();
    },
  };
}
