import { io, type Socket } from 'socket.io-client';
import { inject, onScopeDispose, type Ref, ref, type ShallowRef, shallowRef } from 'vue';
import { executionsReconnection } from '../compat/reconnection.ts';
import { type SocketSource, socketWays } from '../compat/socket-ways.ts';
import { backoff, defaultPolicy } from '../policy.ts';
import { clientKey } from './plugin.ts';

type Listener = (...args: never[]) => void;

/** A socket of one namespace, for as long as the component lives. */
export interface NamespaceWebSocket {
  connect(): void;
  /** Closes it; it does not come back by itself. */
  disconnect(): void;
  /** Sends an event, with a callback for the answer as its last argument where one is wanted; while it is away it waits. */
  emit(event: string, ...args: unknown[]): void;
  /** Listens to an event; also to the connection's: `connect`, `disconnect`, `connect_error`, `reconnect_failed`, … */
  on(event: string, listener: Listener): void;
  /** Without a listener: all that were given for this event. */
  off(event: string, listener?: Listener): void;
  isConnected: Readonly<Ref<boolean>>;
  isReconnecting: Readonly<Ref<boolean>>;
  /** why it is not connected, as the server or the network says */
  error: Readonly<ShallowRef<{ code: string; message: string } | undefined>>;
}

/** What a refused handshake says. */
type Refusal = Error & { data?: { code?: string; message?: string } };

/** Socket.IO tells these under the namespaces. */
const ofManager = /^reconnect(_attempt|_error|_failed)?$/;

/**
 * A Socket.IO namespace: WebSocket, else polling; it comes back after 1 to 5 s, five times, then tells `reconnect_failed`
 * and stops. What Socket.IO leaves to its user is done too: it comes back where the server has sent it away or refused it.
 * Address and token are the plugin's client's, unless they are given. It opens with `connect`.
 */
export function useWebSocket(namespace: string, source: SocketSource = {}): NamespaceWebSocket {
  const { url, token, clock } = socketWays(() => source, inject(clientKey, undefined));
  const isConnected = ref(false);
  const isReconnecting = ref(false);
  const error = shallowRef<{ code: string; message: string }>();
  const heard = new Map<string, Set<Listener>>();
  const { backoffMin, backoffMax, attempts } = executionsReconnection;
  const policy = { ...defaultPolicy, backoffMin, backoffMax, jitter: false };
  let shown: string | undefined;
  let refused: string | undefined;
  let attempt = 0;
  let cancelRetry = () => {};

  const { origin, pathname } = new URL(url());
  const socket: Socket = io(`${origin}${namespace}`, {
    path: `${pathname.replace(/\/+$/, '')}/socket.io`,
    auth: (show) => {
      token(refused).then(
        (text) => {
          shown = text;
          show({ token: text });
        },
        // The server says what it thinks of that.
        () => show({}),
      );
    },
    autoConnect: false,
    transports: ['websocket', 'polling'],
    reconnection: true,
    reconnectionDelay: backoffMin,
    reconnectionDelayMax: backoffMax,
    reconnectionAttempts: attempts,
  });

  const again = () => {
    attempt += 1;
    isReconnecting.value = attempt <= attempts;
    if (attempt > attempts) return tell('reconnect_failed');
    cancelRetry = clock.after(backoff(policy, attempt, 0), () => socket.connect());
  };
  const tell = (event: string) => {
    for (const listener of heard.get(event) ?? []) listener();
  };
  const forget = () => {
    cancelRetry();
    attempt = 0;
  };
  const own: [event: string, listener: Listener][] = [
    [
      'connect',
      () => {
        isConnected.value = true;
        isReconnecting.value = false;
        error.value = undefined;
        refused = undefined;
      },
    ],
    [
      'disconnect',
      (reason: string) => {
        isConnected.value = false;
        isReconnecting.value = socket.active;
        if (reason === 'io server disconnect') again();
      },
    ],
    [
      'connect_error',
      (why: Refusal) => {
        const { code = 'unreachable', message = why.message } = why.data ?? {};
        error.value = { code, message };
        isReconnecting.value = true;
        // Where it is active, Socket.IO itself tries again.
        if (socket.active) return;
        refused = shown;
        again();
      },
    ],
    ['reconnect_attempt', () => (isReconnecting.value = true)],
    ['reconnect_failed', () => (isReconnecting.value = false)],
  ];
  const emitterOf = (event: string) => (ofManager.test(event) ? socket.io : socket) as Socket;
  for (const [event, listener] of own) emitterOf(event).on(event, listener as () => void);
  // Something came through: it was not sent away at the door.
  socket.onAny(forget);

  const off = (event: string, listener?: Listener) => {
    for (const one of listener ? [listener] : (heard.get(event) ?? [])) {
      emitterOf(event).off(event, one as () => void);
      heard.get(event)?.delete(one);
    }
  };
  const disconnect = () => {
    forget();
    isReconnecting.value = false;
    socket.disconnect();
  };
  onScopeDispose(() => {
    disconnect();
    for (const event of heard.keys()) off(event);
    for (const [event, listener] of own) emitterOf(event).off(event, listener as () => void);
    socket.offAny(forget);
  });

  return {
    connect() {
      forget();
      socket.connect();
    },
    disconnect,
    emit(event, ...args) {
      socket.emit(event, ...args);
    },
    on(event, listener) {
      heard.set(event, (heard.get(event) ?? new Set()).add(listener));
      emitterOf(event).on(event, listener as () => void);
    },
    off,
    isConnected,
    isReconnecting,
    error,
  };
}
