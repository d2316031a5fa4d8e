import { bearerOf } from './bearer.ts';
import { errorOf, unreachable } from './problem.ts';
import { Life } from './tabs/life.ts';
import { TAB_WIRE, type TabMessage, type WorkerMessage } from './tabs/message.ts';
import type { Closed, OpenTransport } from './transport.ts';

/** A session with the worker that holds the browser's one connection. */
export const openSharedWorker: OpenTransport = ({ url, token, platform, policy }, events) => {
  const bearer = bearerOf(token);
  // Whose token does not say who they are could be given what somebody else may see.
  if (!platform.sharedWorker || !bearer) throw new TypeError('There is no worker to share.');
  const worker = platform.sharedWorker(`millrace ${TAB_WIRE} ${url} ${bearer}`);
  const { port } = worker;
  const life = new Life();
  let over = false;
  const post = (message: TabMessage) => port.postMessage(message);
  const finish = () => {
    over = true;
    life.end();
    port.close();
  };
  const end = (why: Closed) => {
    if (over) return;
    finish();
    events.closed(why);
  };
  const gone = () => end({ error: unreachable('The shared worker has gone.') });

  worker.onerror = () => end({ error: unreachable('The shared worker cannot be loaded.') });
  port.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
    if (over) return;
    if (data.type === 'lock') life.watch(data.name, gone);
    else if (data.type === 'frames') {
      events.frames(data.frames);
      if (!over) post({ type: 'taken', weight: data.weight });
    } else {
      const { type: _, problem, ...why } = data;
      end({ ...why, ...(problem && { error: errorOf(problem) }) });
    }
  };
  post({ type: 'open', setup: { url, policy } });
  life.show(`millrace tab ${platform.random()}`, (name) => post({ type: 'lock', name }));

  return {
    kind: 'shared-worker',
    send: (frame) => post({ type: 'frame', frame }),
    close() {
      if (over) return;
      post({ type: 'close' });
      finish();
    },
  };
};
