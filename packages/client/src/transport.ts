import type { Clock } from '@millrace/protocol/clock';
import type { MillraceError } from '@millrace/protocol/error';
import type { ClientFrame, ServerFrame } from '@millrace/protocol/frame';
import type { Policy } from './policy.ts';

export type TransportKind = 'websocket' | 'sse' | 'polling';

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
  /** ms that the server asks to wait */
  retryAfter?: number;
  error?: MillraceError;
}

/** What transports need from the outside; tests bring their own. */
export interface Platform {
  WebSocket: typeof WebSocket | undefined;
  fetch: typeof fetch;
  clock: Clock;
  /** in [0, 1) */
  random(): number;
  /** tells `true` when the device comes online and `false` when it goes offline */
  onNetwork(listener: (online: boolean) => void): () => void;
}

export interface TransportSetup {
  /** the server's address without a slash at the end, e.g. `https://millrace.example.com` */
  url: string;
  token: string;
  platform: Platform;
  policy: Policy;
}

export type OpenTransport = (setup: TransportSetup, events: TransportEvents) => Transport;

/** What the environment offers. */
export function nativePlatform(clock: Clock): Platform {
  return {
    WebSocket: globalThis.WebSocket,
    fetch: (...args) => globalThis.fetch(...args),
    clock,
    random: Math.random,
    onNetwork(listener) {
      if (typeof globalThis.addEventListener !== 'function') return () => {};
      const online = () => listener(true);
      const offline = () => listener(false);
      globalThis.addEventListener('online', online);
      globalThis.addEventListener('offline', offline);
      return () => {
        globalThis.removeEventListener('online', online);
        globalThis.removeEventListener('offline', offline);
      };
    },
  };
}
