import type { OpenTransport } from './transport.ts';
import { HttpTransport, type ReadOn } from './transport-http.ts';

/** The last resort: JSON pages, asked for again and again. Nothing is missed; what is new shows a little later. */
export const openPolling: OpenTransport = (setup, events) => new HttpTransport('polling', setup, events, readPages);

export const readPages: ReadOn = async (http, run, cursor, { signal, emit }) => {
  let after = cursor;
  for (;;) {
    const page = await http.page(run, after);
    signal.throwIfAborted();
    if (page.through >= page.seq) emit(page);
    after = page.next;
    if (page.done) return;
    if (page.through >= page.head) await http.pause(http.setup.policy.pollEvery, signal);
  }
};
