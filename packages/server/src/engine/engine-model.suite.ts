import {
  type Assignment,
  type ControlView,
  emptyControl,
  foldControl,
  isControl,
  isTerminal,
  liveAttempts,
  MillraceError,
  type NewEvent,
  type NodeMove,
  nodeTable,
  type RunEvent,
  type RunMove,
  runTable,
  summarise,
} from '@millrace/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SimulatedClock } from '../clock.ts';
import type { Batch, Store } from '../store/store.ts';
import { ada, Rig } from './engine.rig.ts';
import type { OpenStore } from './engine-factory.suite.ts';

/** What a user, a worker or the world may do next; the numbers pick among what there is. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('claim' as const), n: fc.nat(3) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('complete', 'step', 'log', 'usage', 'ask', 'sleep', 'fail', 'park'),
      n: fc.nat(9),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('pause', 'resume', 'cancel', 'approve', 'reject'), n: fc.nat(9) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('time', 'expire', 'create'), n: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break' as const), n: fc.nat(2) }) },
);
type Step = { do: string; n: number };

const workflows = [
  { name: 'one', nodes: [{ id: 'a', task: 't', retry: { attempts: 2, delay: 500 } }] },
  {
    name: 'diamond',
    nodes: [
      { id: 'a', task: 't' },
      { id: 'b', task: 't', needs: ['a'], onError: 'continue' as const },
      { id: 'c', task: 't', needs: ['a'], onError: 'skip' as const },
      { id: 'd', task: 't', needs: ['b', 'c'] },
    ],
  },
  {
    name: 'any',
    nodes: [
      { id: 'a', task: 't' },
      { id: 'b', task: 't' },
      { id: 'c', task: 't', needs: ['a', 'b'], join: 'any' as const, onError: 'h' },
      { id: 'h', task: 't' },
    ],
  },
];

class World {
  readonly rig: Rig;
  readonly runs: string[] = [];
  held: Assignment[] = [];
  failing = 0;

  constructor(store: Store, clock: SimulatedClock) {
    const breakable = new Proxy(store, {
      get: (target, name) => {
        if (name === 'commit') {
          return (batch: Batch) => {
            if (this.failing > 0) {
              this.failing -= 1;
              return Promise.reject(new MillraceError('storage_unavailable'));
            }
            return target.commit(batch);
          };
        }
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    this.rig = new Rig(breakable, { clock });
  }

  async act({ do: what, n }: Step): Promise<void> {
    const { engine, clock } = this.rig;
    const run = this.runs[n % this.runs.length] as string;
    const lease = this.held[n % Math.max(1, this.held.length)];
    const attempt = (...events: NewEvent[]) => (lease ? this.rig.append(lease, ...events) : undefined);
    switch (what) {
      case 'create':
        this.runs.push(
          (
            await engine.create(ada, {
              workflow: workflows[n % 3]?.name as string,
              options: { budget: { amount: 3, currency: 'USD' } },
            })
          ).id,
        );
        return;
      case 'claim': {
        this.held.push(...(await this.rig.claim('w', n + 1)));
        return;
      }
      case 'complete':
        await attempt({ type: 'node.completed', data: { output: n } });
        return;
      case 'fail':
        await attempt({ type: 'node.failed', data: { error: { code: 'task_failed', message: 'no' } } });
        return;
      case 'park':
        await attempt({ type: 'node.parked', data: { reason: 'draining' } });
        return;
      case 'step':
        await attempt({ type: 'step.completed', step: `s/${n}`, data: { name: 's', key: `${n}`, output: n } });
        return;
      case 'log':
        await attempt({ type: 'log', data: { level: 'info', message: 'm' } });
        return;
      case 'usage':
        await attempt({ type: 'usage', data: { cost: { amount: 1, currency: 'USD' } } });
        return;
      case 'ask': {
        const approvalId = `${lease?.node}:ask/${n}`;
        await attempt(
          { type: 'approval.requested', data: { approvalId, title: '?', timeoutAt: clock.now() + 2_000 } },
          { type: 'node.waiting', data: { waits: [approvalId] } },
        );
        return;
      }
      case 'sleep': {
        const sleepId = `${lease?.node}:nap/${n}`;
        await attempt(
          { type: 'sleep.started', data: { sleepId, until: clock.now() + 700 } },
          { type: 'node.waiting', data: { waits: [sleepId] } },
        );
        return;
      }
      case 'pause':
      case 'resume':
      case 'cancel':
        await engine.command(ada, run, { type: what });
        return;
      case 'approve':
      case 'reject': {
        const [wait] = await this.rig.store.waits({ tenant: 'default', limit: 1 });
        if (wait)
          await engine.command(ada, wait.run, {
            type: 'approve',
            approvalId: wait.id,
            decision: what === 'approve' ? 'approved' : 'rejected',
          });
        return;
      }
      case 'time': {
        clock.advance(n * 300);
        for (const row of await this.rig.store.due(clock.now(), 50)) await engine.deliver(row);
        return;
      }
      case 'expire': {
        const [row] = await this.rig.store.leases({ limit: 1 });
        if (row) await engine.expire(row, Number.MAX_SAFE_INTEGER);
        return;
      }
      case 'break':
        this.failing = n;
    }
  }

  /** The rows are what the fold of the stored log says, and the log is lawful. */
  async check(): Promise<void> {
    const { store, engine } = this.rig;
    const leases = await store.leases({ limit: 1_000 });
    const queued = await store.claimable({
      tenant: 'default',
      tasks: [{ name: 't' }],
      now: Number.MAX_SAFE_INTEGER,
      limit: 1_000,
    });
    const waits = await store.waits({ tenant: 'default', limit: 1_000 });
    for (const run of this.runs) {
      const log = await this.rig.log(run);
      const control = lawful(run, log);
      expect((await engine.control({ tenant: 'default', run }))?.control).toEqual(control);
      const row = await store.runRow({ tenant: 'default', run });
      expect(row).toMatchObject({
        head: log.length,
        ctl: control.ctl,
        status: control.status,
        ended: isTerminal(control.status),
      });
      const { seq: _seq, updatedAt: _at, ...summary } = summarise(control, 0, 0);
      expect(row?.summary).toMatchObject(JSON.parse(JSON.stringify(summary)) as object);
      const mine = (rows: { run: string; node: string }[]) =>
        rows
          .filter((one) => one.run === run)
          .map((one) => one.node)
          .sort();
      const inState = (state: string) =>
        Object.values(control.nodes)
          .filter((node) => node.status === state)
          .map((node) => node.id)
          .sort();
      const dispatches = control.status === 'created' || control.status === 'running';
      expect(mine(queued)).toEqual(dispatches ? inState('queued') : []);
      expect(mine(leases)).toEqual(inState('running'));
      expect(liveAttempts(control)).toBe(inState('running').length);
      const open = Object.values(control.waits)
        .filter((wait) => wait.status === 'open' && wait.kind === 'approval')
        .map((wait) => wait.id)
        .sort();
      expect(
        waits
          .filter((wait) => wait.run === run)
          .map((wait) => wait.id)
          .sort(),
      ).toEqual(open);
    }
  }
}

/** Folds the log and checks every move against the tables on the way. */
function lawful(run: string, log: RunEvent[]): ControlView {
  let control = emptyControl(run);
  for (const [index, event] of log.entries()) {
    expect(event.seq).toBe(index + 1);
    expect(isTerminal(control.status), `${event.type} after the end`).toBe(false);
    if (event.type in runTable.created)
      expect(runTable[control.status][event.type as RunMove], `${event.type} from ${control.status}`).not.toBeNull();
    if (event.type in nodeTable.pending) {
      const from = control.nodes[event.node as string]?.status ?? 'pending';
      expect(nodeTable[from][event.type as NodeMove], `${event.type} of ${event.node} from ${from}`).not.toBeNull();
    }
    if (isControl(event.type)) control = foldControl(control, event);
  }
  return control;
}

const refusals = [
  'stale_attempt',
  'invalid_transition',
  'run_ended',
  'step_name_reused',
  'already_answered',
  'storage_unavailable',
  'wait_ended',
  'outdated',
  'event_invalid',
];

/** `stories`: how many are played; each has an empty store. */
export function engineModelSuite(open: OpenStore, stories: number): void {
  test('[ENG-43] whatever happens, the rows are what the fold says and every log is lawful', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const clock = new SimulatedClock();
        const store = await open(clock);
        const world = new World(store, clock);
        await world.rig.worker('w', ['t'], workflows);
        await world.act({ do: 'create', n: 0 });
        await world.act({ do: 'create', n: 1 });
        await world.act({ do: 'create', n: 2 });
        for (const one of steps) {
          await world.act(one).catch((error: unknown) => {
            if (!(error instanceof MillraceError) || !refusals.includes(error.code)) throw error;
          });
          world.failing = one.do === 'break' ? world.failing : 0;
          if (one.do !== 'break') await world.check();
        }
        await world.rig.engine.stop();
        await store.close();
      }),
      { numRuns: stories, seed: 20261121 },
    );
  }, 60_000);
}
