/**
 * What a connection is doing, as people are shown it.
 *
 * - `idle`: nothing was asked for yet. `closed`: the application ended it; only the application starts it again.
 * - `connecting`: the first attempt. `reconnecting`: waiting for, or in, a later one; views stay as they were.
 * - `catching-up`: connected, and some store does not have everything yet. `live`: everything is on screen.
 * - `polling`: connected by the last resort; right, but some seconds late.
 * - `offline`: the device says that it has no network. `signed-out`: no acceptable token is to be had.
 */
export type ConnectionState =
  | 'idle'
  | 'connecting'
  | 'catching-up'
  | 'live'
  | 'reconnecting'
  | 'polling'
  | 'offline'
  | 'signed-out'
  | 'closed';

/**
 * What can happen to it: the application's three wishes; then `opened` and `polled` (the server's hello came, over
 * a streaming transport or over polls), `caught-up` and `behind`, `lost` (the transport ended or never opened),
 * `refused` (the server does not accept the token), `token` and `no-token` (another one was got, or cannot be),
 * `retry` (the backoff is over), and the device's `offline` and `online`.
 */
export type ConnectionEvent =
  | 'connect'
  | 'disconnect'
  | 'reconnect'
  | 'opened'
  | 'polled'
  | 'caught-up'
  | 'behind'
  | 'lost'
  | 'refused'
  | 'token'
  | 'no-token'
  | 'retry'
  | 'offline'
  | 'online';

/**
 * What is to be done about it, in order: `open` a transport, `close` it or give up opening it, `wait` one backoff,
 * `unwait`, `refresh` the token, `attach` every store from its cursor.
 */
export type ConnectionAction = 'open' | 'close' | 'wait' | 'unwait' | 'refresh' | 'attach';

export interface Outcome {
  state: ConnectionState;
  actions: readonly ConnectionAction[];
}

/** `null` = news that comes too late for this state, or changes nothing in it. */
type Cell = Outcome | null;

const to = (state: ConnectionState, ...actions: ConnectionAction[]): Outcome => ({ state, actions });

/** Complete by type: a missing cell does not compile. */
export const connectionTable: Record<ConnectionState, Record<ConnectionEvent, Cell>> = {
  idle: {
    connect: to('connecting', 'open'),
    disconnect: to('closed'),
    reconnect: to('connecting', 'open'),
    opened: null,
    polled: null,
    'caught-up': null,
    behind: null,
    lost: null,
    refused: null,
    token: null,
    'no-token': null,
    retry: null,
    offline: null,
    online: null,
  },
  connecting: {
    connect: null,
    disconnect: to('closed', 'close'),
    reconnect: to('connecting', 'close', 'open'),
    opened: to('catching-up', 'attach'),
    polled: to('polling', 'attach'),
    'caught-up': null,
    behind: null,
    lost: to('reconnecting', 'close', 'wait'),
    refused: to('connecting', 'close', 'refresh'),
    token: to('connecting', 'open'),
    'no-token': to('signed-out', 'close'),
    retry: null,
    offline: to('offline', 'close'),
    online: null,
  },
  'catching-up': {
    connect: null,
    disconnect: to('closed', 'close'),
    reconnect: to('reconnecting', 'close', 'open'),
    opened: to('catching-up', 'attach'),
    polled: null,
    'caught-up': to('live'),
    behind: null,
    lost: to('reconnecting', 'close', 'wait'),
    refused: to('reconnecting', 'close', 'refresh'),
    token: null,
    'no-token': to('signed-out', 'close'),
    retry: null,
    offline: to('offline', 'close'),
    online: null,
  },
  live: {
    connect: null,
    disconnect: to('closed', 'close'),
    reconnect: to('reconnecting', 'close', 'open'),
    opened: to('catching-up', 'attach'),
    polled: null,
    'caught-up': null,
    behind: to('catching-up'),
    lost: to('reconnecting', 'close', 'wait'),
    refused: to('reconnecting', 'close', 'refresh'),
    token: null,
    'no-token': to('signed-out', 'close'),
    retry: null,
    offline: to('offline', 'close'),
    online: null,
  },
  reconnecting: {
    connect: null,
    disconnect: to('closed', 'unwait', 'close'),
    reconnect: to('reconnecting', 'unwait', 'close', 'open'),
    opened: to('catching-up', 'attach'),
    polled: to('polling', 'attach'),
    'caught-up': null,
    behind: null,
    lost: to('reconnecting', 'close', 'wait'),
    refused: to('reconnecting', 'close', 'refresh'),
    token: to('reconnecting', 'open'),
    'no-token': to('signed-out', 'unwait', 'close'),
    retry: to('reconnecting', 'open'),
    offline: to('offline', 'unwait', 'close'),
    online: to('reconnecting', 'unwait', 'close', 'open'),
  },
  polling: {
    connect: null,
    disconnect: to('closed', 'close'),
    reconnect: to('reconnecting', 'close', 'open'),
    opened: to('catching-up', 'attach'),
    polled: null,
    'caught-up': null,
    behind: null,
    lost: to('reconnecting', 'close', 'wait'),
    refused: to('reconnecting', 'close', 'refresh'),
    token: null,
    'no-token': to('signed-out', 'close'),
    retry: null,
    offline: to('offline', 'close'),
    online: null,
  },
  offline: {
    connect: null,
    disconnect: to('closed'),
    reconnect: to('reconnecting', 'open'),
    opened: null,
    polled: null,
    'caught-up': null,
    behind: null,
    lost: null,
    refused: null,
    token: null,
    'no-token': null,
    retry: null,
    offline: null,
    online: to('reconnecting', 'open'),
  },
  'signed-out': {
    connect: to('connecting', 'open'),
    disconnect: to('closed'),
    reconnect: to('connecting', 'open'),
    opened: null,
    polled: null,
    'caught-up': null,
    behind: null,
    lost: null,
    refused: null,
    token: null,
    'no-token': null,
    retry: null,
    offline: null,
    online: null,
  },
  closed: {
    connect: to('connecting', 'open'),
    disconnect: null,
    reconnect: to('connecting', 'open'),
    opened: null,
    polled: null,
    'caught-up': null,
    behind: null,
    lost: null,
    refused: null,
    token: null,
    'no-token': null,
    retry: null,
    offline: null,
    online: null,
  },
};

export function transition(state: ConnectionState, event: ConnectionEvent): Outcome {
  return connectionTable[state][event] ?? { state, actions: [] };
}

/** Whether the server can be talked to over the connection now. */
export function isAttached(state: ConnectionState): boolean {
  return state === 'catching-up' || state === 'live' || state === 'polling';
}
