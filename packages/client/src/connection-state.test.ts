import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ConnectionEvent,
  type ConnectionState,
  connectionTable,
  isAttached,
  transition,
} from './connection-state.ts';

const states = Object.keys(connectionTable) as ConnectionState[];
const events = Object.keys(connectionTable.idle) as ConnectionEvent[];
const cells = states.flatMap((state) => events.map((event) => [state, event, transition(state, event)] as const));

/** Where each event leads and what is done then; what does not stand here changes nothing. */
const expected: Record<ConnectionState, Partial<Record<ConnectionEvent, string>>> = {
  idle: {
    connect: 'connecting open',
    disconnect: 'closed',
    reconnect: 'connecting open',
  },
  connecting: {
    disconnect: 'closed close',
    reconnect: 'connecting close open',
    opened: 'catching-up attach',
    polled: 'polling attach',
    lost: 'reconnecting close wait',
    refused: 'connecting close refresh',
    token: 'connecting open',
    'no-token': 'signed-out close',
    offline: 'offline close',
  },
  'catching-up': {
    disconnect: 'closed close',
    reconnect: 'reconnecting close open',
    opened: 'catching-up attach',
    'caught-up': 'live',
    lost: 'reconnecting close wait',
    refused: 'reconnecting close refresh',
    'no-token': 'signed-out close',
    offline: 'offline close',
    woken: 'catching-up check',
  },
  live: {
    disconnect: 'closed close',
    reconnect: 'reconnecting close open',
    opened: 'catching-up attach',
    behind: 'catching-up',
    lost: 'reconnecting close wait',
    refused: 'reconnecting close refresh',
    'no-token': 'signed-out close',
    offline: 'offline close',
    woken: 'live check',
  },
  reconnecting: {
    disconnect: 'closed unwait close',
    reconnect: 'reconnecting unwait close open',
    opened: 'catching-up attach',
    polled: 'polling attach',
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
    disconnect: 'closed close',
    reconnect: 'reconnecting close open',
    opened: 'catching-up attach',
    lost: 'reconnecting close wait',
    refused: 'reconnecting close refresh',
    'no-token': 'signed-out close',
    offline: 'offline close',
    woken: 'polling check',
  },
  offline: {
    disconnect: 'closed',
    reconnect: 'reconnecting open',
    online: 'reconnecting open',
  },
  'signed-out': {
    connect: 'connecting open',
    disconnect: 'closed',
    reconnect: 'connecting open',
  },
  closed: {
    connect: 'connecting open',
    reconnect: 'connecting open',
  },
};

describe('every cell of the table', () => {
  test('[CLT-1] each state answers each event: 9 states × 15 events', () => {
    expect(cells).toHaveLength(9 * 15);
    for (const state of states) expect(Object.keys(connectionTable[state]).sort()).toEqual([...events].sort());
  });

  test.each(cells)('[CLT-1] %s × %s', (state, event, { state: next, actions }) => {
    const [to, ...does] = (expected[state][event] ?? state).split(' ');
    expect([next, ...actions]).toEqual([to, ...does]);
  });

  test('the application always gets its way', () => {
    for (const state of states) {
      expect(transition(state, 'disconnect').state).toBe('closed');
      expect(transition(state, 'reconnect').actions).toContain('open');
    }
  });

  test('[CLT-2] what the application closed, and who is signed out, only the application opens again', () => {
    for (const state of ['closed', 'signed-out', 'idle'] as const) {
      for (const event of events.filter((e) => !['connect', 'reconnect', 'disconnect'].includes(e))) {
        expect(transition(state, event)).toEqual({ state, actions: [] });
      }
    }
  });

  test('stores are attached exactly when a connection comes up', () => {
    for (const [, event, { state, actions }] of cells) {
      if (!actions.includes('attach')) continue;
      expect(['opened', 'polled']).toContain(event);
      expect(isAttached(state)).toBe(true);
    }
  });

  test('leaving a state in which something is up, or on its way, gives it up', () => {
    for (const [from, event, { state, actions }] of cells) {
      if (isAttached(from) && !isAttached(state))
        expect([from, event, actions]).toContainEqual(expect.arrayContaining(['close']));
    }
  });
});

/** What the actions do, without any IO: how many transports and timers there are. */
interface Model {
  state: ConnectionState;
  transport: 'none' | 'opening' | 'up';
  waiting: boolean;
  refreshing: boolean;
}

/** Whether the world could bring this event now; the rest is late news, which must be harmless too. */
function possible(model: Model, event: ConnectionEvent): boolean {
  switch (event) {
    case 'opened':
    case 'polled':
      return model.transport === 'opening';
    case 'lost':
      return model.transport !== 'none' || model.refreshing;
    case 'refused':
      return model.transport !== 'none';
    case 'caught-up':
    case 'behind':
      return model.transport === 'up';
    case 'retry':
      return model.waiting;
    case 'token':
      return model.refreshing;
    case 'no-token':
      return model.refreshing || model.transport === 'opening';
    default:
      return true;
  }
}

function step(model: Model, event: ConnectionEvent): Model {
  const next = { ...model };
  if (event === 'retry') next.waiting = false;
  if (event === 'token' || event === 'no-token') next.refreshing = false;
  const { state, actions } = transition(model.state, event);
  next.state = state;
  for (const action of actions) {
    if (action === 'open') {
      expect(next.transport, `${model.state} × ${event} opens a second transport`).toBe('none');
      expect(next.waiting, `${model.state} × ${event} opens while waiting`).toBe(false);
      next.transport = 'opening';
    } else if (action === 'close') {
      next.transport = 'none';
      next.refreshing = false;
    } else if (action === 'wait') {
      expect(next.waiting, `${model.state} × ${event} waits twice`).toBe(false);
      next.waiting = true;
    } else if (action === 'unwait') next.waiting = false;
    else if (action === 'refresh') next.refreshing = true;
    else if (action === 'attach') next.transport = 'up';
  }
  return next;
}

test('[CLT-3] whatever happens in whatever order: one transport at most, and never stuck', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events), { maxLength: 60 }), (story) => {
      let model: Model = { state: 'idle', transport: 'none', waiting: false, refreshing: false };
      for (const event of story) {
        if (!possible(model, event)) continue;
        model = step(model, event);
        expect(model.transport === 'up').toBe(isAttached(model.state));
        const going = model.transport === 'opening' || model.waiting || model.refreshing;
        const moving = model.state === 'connecting' || model.state === 'reconnecting';
        expect(going, `${model.state} after ${event}`).toBe(moving);
      }
    }),
    { numRuns: 2_000 },
  );
});
