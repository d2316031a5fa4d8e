import type { LeaseRef, WorkerLink } from '@millrace/protocol';
import type { Files } from '../files/files.ts';
import type { Caller, Engine } from './face.ts';

/**
 * The link of a worker that lives in the server's own process. The lease sweep keeps its leases for as long as the
 * process lives: a task that blocks the thread blocks the sweep too, and cannot lose its lease by that.
 */
export function createLocalLink(options: { engine: Engine; caller: Caller; files: Files; boot: string }): WorkerLink {
  const { engine, caller, files, boot } = options;
  const claims = new AbortController();
  const stops: (() => void)[] = [];
  let worker = '';
  return {
    renewsItself: true,
    async register(registration) {
      worker = registration.id;
      return engine.register(caller, registration, { boot });
    },
    claim: (request, signal) =>
      engine.claim(caller, request, signal ? AbortSignal.any([signal, claims.signal]) : claims.signal),
    append: (lease, sequence, events) => engine.appendAttempt(caller, lease, sequence, events),
    renew: (id, leases: LeaseRef[]) => engine.renew(caller, id, leases),
    onSignal(listener) {
      const stop = engine.onSignal(caller, worker, listener);
      stops.push(stop);
      return stop;
    },
    putBlob: (bytes, type) => files.put(caller.tenant, bytes, type),
    getBlob: async (sha256) => (await files.get(caller.tenant, sha256)).bytes,
    close() {
      claims.abort();
      for (const stop of stops) stop();
      return Promise.resolve();
    },
  };
}
