import type { Clock } from '@millrace/protocol/clock';
import type { MillraceError } from '@millrace/protocol/error-code';
import type { ClientFrame, ServerFrame } from '@millrace/protocol/frame';
import type { Policy } from './policy.ts';

/** `shared-worker` is the browser's one connection for all of its tabs, whatever that is carried by. */
export type TransportKind = 'shared-worker' | 'websocket' | 'sse' | 'polling';

/**
 * One attempt at a connection. Every transport speaks the same frames: those that are plain HTTP underneath make
 * them out of requests and answers. A transport is used once; after `closed` it is silent for ever.
 *
 * - What is sent before it is open waits. The first frame sent is `hello`, the first received is its answer.
 * - `closed` is called at most once, and not after `close()`.
 */
export interface Transport {
  readonly kind: TransportKind;
  send(frame: ClientFrame): void;
  close(): void;
}

export interface TransportEvents {
  /** the frames of one message, or of one turn */
  frames(frames: ServerFrame[]): void;
  closed(why: Closed): void;
}

/** Why a transport ended. */
export interface Closed {
  /** the server does not accept the token */
  refused?: boolean;
  /** it opened, but something on the way keeps it from carrying what it should */
  unfit?: boolean;
  /** ms that the server asks to wait */
  retryAfter?: number;
  error?: MillraceError;
}

/** What transports need from the outside; tests bring their own. */
export interface Platform {
  WebSocket: typeof WebSocket | undefined;
  /** opens the worker of this name that all tabs share; undefined = each tab has a connection of its own */
  sharedWorker: ((name: string) => SharedWorker) | undefined;
  fetch: typeof fetch;
  clock: Clock;
  /** in [0, 1) */
  random(): number;
  /** tells `true` when the device comes online and `false` when it goes offline */
  onNetwork(listener: (online: boolean) => void): () => void;
  /** tells when timers may have stood still: the page was hidden or frozen and is shown again */
  onWake(listener: () => void): () => void;
}

export interface TransportSetup {
  /** the server's address without a slash at the end, e.g. `https://millrace.example.com` */
  url: string;
  token: string;
  platform: Platform;
  policy: Policy;
  opener: Opener;
}

export type OpenTransport = (setup: TransportSetup, events: TransportEvents) => Transport;

/** How transports of each kind are opened; their code may have to be fetched first. */
export type Opener = (kind: TransportKind) => Promise<OpenTransport>;

/** Those of the wanted transports that can be had at all. */
export function usable(wanted: readonly TransportKind[], platform: Platform): readonly TransportKind[] {
  const missing = {
    websocket: !platform.WebSocket,
    'shared-worker': !platform.sharedWorker,
    sse: false,
    polling: false,
  };
  const kinds = wanted.filter((kind) => !missing[kind]);
  return kinds.length > 0 ? kinds : ['polling'];
}

/** What the environment offers. */
export function nativePlatform(clock: Clock): Platform {
  return {
    WebSocket: globalThis.WebSocket,
    sharedWorker: undefined,
    fetch: (...args) => globalThis.fetch(...args),
    clock,
    random: Math.random,
    onNetwork: (listener) => listen(globalThis, { online: () => listener(true), offline: () => listener(false) }),
    onWake(listener) {
      const { document } = globalThis;
      const shown = () => {
        if (document.visibilityState === 'visible') listener();
      };
      const off = [
        listen(document, { visibilitychange: shown, resume: listener }),
        listen(globalThis, { pageshow: ({ persisted }) => persisted && listener() }),
      ];
      return () => {
        for (const stop of off) stop();
      };
    },
  };
}

/** Node has neither a document nor a network that comes and goes: there `target` cannot be listened to. */
function listen(target: Partial<EventTarget> | undefined, on: Record<string, (event: PageTransitionEvent) => void>) {
  const entries = Object.entries(on) as [string, EventListener][];
  for (const [name, listener] of entries) target?.addEventListener?.(name, listener);
  return () => {
    for (const [name, listener] of entries) target?.removeEventListener?.(name, listener);
  };
}
