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
 * `retry` (the backoff is over), the device's `offline` and `online`, and `woken`: the page was hidden, frozen or asleep,
 * its timers stood still, and nobody knows what is left of the connection.
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
  | 'online'
  | 'woken';

/**
 * What is to be done about it, in order: `open` a transport, `close` it or give up opening it, `wait` one backoff,
 * `unwait`, `refresh` the token, `attach` every store from its cursor, `check` whether the server still answers.
 */
export type ConnectionAction = 'open' | 'close' | 'wait' | 'unwait' | 'refresh' | 'attach' | 'check';

export interface Outcome {
  state: ConnectionState;
  actions: readonly ConnectionAction[];
}

type Then = '' | ` ${ConnectionAction}`;

/** Where it leads, and what is done then; `null` = news that comes too late for this state, or changes nothing in it. */
type Cell = `${ConnectionState}${Then}${Then}${Then}` | null;

/** Complete by type: a missing cell does not compile. */
export const connectionTable: Record<ConnectionState, Record<ConnectionEvent, Cell>> = {
  idle: {
    connect: 'connecting open',
    disconnect: 'closed',
    reconnect: 'connecting open',
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
    woken: null,
  },
  connecting: {
    connect: null,
    disconnect: 'closed close',
    reconnect: 'connecting close open',
    opened: 'catching-up attach',
    polled: 'polling attach',
    'caught-up': null,
    behind: null,
    lost: 'reconnecting close wait',
    refused: 'connecting close refresh',
    token: 'connecting open',
    'no-token': 'signed-out close',
    retry: null,
    offline: 'offline close',
    online: null,
    woken: null,
  },
  'catching-up': {
    connect: null,
    disconnect: 'closed close',
    reconnect: 'reconnecting close open',
    opened: 'catching-up attach',
    polled: null,
    'caught-up': 'live',
    behind: null,
    lost: 'reconnecting close wait',
    refused: 'reconnecting close refresh',
    token: null,
    'no-token': 'signed-out close',
    retry: null,
    offline: 'offline close',
    online: null,
    woken: 'catching-up check',
  },
  live: {
    connect: null,
    disconnect: 'closed close',
    reconnect: 'reconnecting close open',
    opened: 'catching-up attach',
    polled: null,
    'caught-up': null,
    behind: 'catching-up',
    lost: 'reconnecting close wait',
    refused: 'reconnecting close refresh',
    token: null,
    'no-token': 'signed-out close',
    retry: null,
    offline: 'offline close',
    online: null,
    woken: 'live check',
  },
  reconnecting: {
    connect: null,
    disconnect: 'closed unwait close',
    reconnect: 'reconnecting unwait close open',
    opened: 'catching-up attach',
    polled: 'polling attach',
    'caught-up': null,
    behind: null,
    lost: 'reconnecting close wait',
    refused: 'reconnecting close refresh',
    token: 'reconnecting open',
    'no-token': 'signed-out unwait close',
    retry: 'reconnecting open',
    offline: 'offline unwait close',
    online: 'reconnecting unwait close open',
    woken: 'reconnecting unwait close open',
  },
  polling: {
    connect: null,
    disconnect: 'closed close',
    reconnect: 'reconnecting close open',
    opened: 'catching-up attach',
    polled: null,
    'caught-up': null,
    behind: null,
    lost: 'reconnecting close wait',
    refused: 'reconnecting close refresh',
    token: null,
    'no-token': 'signed-out close',
    retry: null,
    offline: 'offline close',
    online: null,
    woken: 'polling check',
  },
  offline: {
    connect: null,
    disconnect: 'closed',
    reconnect: 'reconnecting open',
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
    online: 'reconnecting open',
    woken: null,
  },
  'signed-out': {
    connect: 'connecting open',
    disconnect: 'closed',
    reconnect: 'connecting open',
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
    woken: null,
  },
  closed: {
    connect: 'connecting open',
    disconnect: null,
    reconnect: 'connecting open',
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
    woken: null,
  },
};

export function transition(state: ConnectionState, event: ConnectionEvent): Outcome {
  const [to, ...actions] = (connectionTable[state][event] ?? state).split(' ') as [
    ConnectionState,
    ...ConnectionAction[],
  ];
  return { state: to, actions };
}

/** Whether the server can be talked to over the connection now. */
export function isAttached(state: ConnectionState): boolean {
  return state === 'catching-up' || state === 'live' || state === 'polling';
}
