import type { LeaseState } from '@millrace/protocol';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SimulatedClock } from './clock.ts';
import { createHeartbeat } from './heartbeat.ts';
import { LeaseBook } from './lease-book.ts';
import { MemoryEngine } from './memory-engine.suite.ts';
import { task } from './task.ts';
import { createWorker, type Worker } from './worker.ts';
import { workflow } from './workflow.ts';

const lease = { run: 'r', node: 'n', attempt: 1 };

describe('a heartbeat', () => {
  test('[WRK-27] counts a lease from sending the renewal, not from its answer', async () => {
    const clock = new SimulatedClock();
    const told: string[] = [];
    const answers: ((states: LeaseState[]) => void)[] = [];
    const renew = () => new Promise<LeaseState[]>((resolve) => answers.push(resolve));
    const heartbeat = createHeartbeat(
      { renew },
      { worker: 'w', leaseMs: 6_000, renewMs: 2_000, clock, tell: ({ state }) => told.push(state), report: () => {} },
    );
    heartbeat.hold(lease);
    clock.advance(2_000);
    clock.advance(1_900);
    answers[0]?.([{ ...lease, state: 'held' }]);
    await vi.waitFor(() => expect(told).toEqual(['held']));
    // Sent at 2,000, so it ends at 8,000: the later renewals are never answered.
    clock.advance(4_099);
    expect(told).toEqual(['held']);
    clock.advance(1);
    expect(told).toEqual(['held', 'lost']);
    heartbeat.close();
  });

  test('reads what has arrived before it gives a lease up', () => {
    const clock = new SimulatedClock();
    const passed = vi.fn();
    const book = new LeaseBook(clock, passed, () => book.extend(lease, clock.now() + 6_000));
    book.hold(lease, clock.now() + 6_000);
    clock.advance(6_000);
    expect(passed).not.toHaveBeenCalled();
    book.release(lease);
    clock.advance(60_000);
    expect(passed).not.toHaveBeenCalled();
  });
});

describe('a worker whose link does not renew by itself', () => {
  const clock = new SimulatedClock();
  let engine: MemoryEngine;
  let worker: Worker;
  let kinds: string[];

  beforeEach(async () => {
    kinds = [];
    engine = new MemoryEngine(clock, { renewsItself: false });
    const work = task('work', (ctx) => {
      return new Promise((_, reject) => {
        ctx.signal.addEventListener('abort', () => {
          kinds.push(ctx.signal.reason.kind);
          reject(ctx.signal.reason);
        });
      });
    });
    worker = createWorker({ link: engine.link, clock, random: () => 0, workflows: [workflow('w', { task: work })] });
    await worker.start();
    await engine.create('w', null);
    await vi.waitFor(async () => expect((await engine.view('run-1')).control.nodes.work?.status).toBe('running'));
  });
  afterEach(() => worker.stop());

  test('renews what it holds while it works', async () => {
    for (let beats = 1; beats <= 5; beats += 1) {
      clock.advance(2_000);
      await vi.waitFor(() => expect(engine.renewals).toHaveLength(beats));
    }
    expect(engine.renewals.at(-1)).toEqual([{ run: 'run-1', node: 'work', attempt: 1 }]);
    expect(kinds).toEqual([]);
  });

  test('[WRK-28] aborts an attempt by itself when its lease was not renewed in time', async () => {
    engine.renewing = false;
    for (let s = 0; s < 5; s += 1) clock.advance(1_000);
    expect(kinds).toEqual([]);
    clock.advance(1_000);
    expect(kinds).toEqual(['lost']);
  });

  test('aborts an attempt of which the server says that it is lost', async () => {
    engine.lose({ run: 'run-1', node: 'work', attempt: 1 });
    clock.advance(2_000);
    await vi.waitFor(() => expect(kinds).toContain('lost'));
  });
});
