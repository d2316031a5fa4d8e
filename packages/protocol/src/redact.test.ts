import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkEvent } from './catalogue.ts';
import type { EventType, RunEvent } from './event.ts';
import { eventClasses, type RedactionClass, redactionClasses } from './event-class.ts';
import { isControl } from './event-kind.ts';
import { fold } from './fold.ts';
import { live } from './life.suite.ts';
import { redact } from './redact.ts';
import { samples, secret } from './sample.suite.ts';
import { emptyView, type RunView } from './view.ts';

const types = Object.keys(eventClasses) as EventType[];
const profile = (...hide: RedactionClass[]) => ({ name: hide.join(), hide });

const sample = (type: EventType): RunEvent =>
  ({
    seq: 5,
    at: 50,
    type,
    node: 'n',
    step: `s/${secret('input')}`,
    attempt: 1,
    by: `user:${secret('identity')}`,
    data: samples[type],
  }) as RunEvent;

describe('a reader of a redacted log', () => {
  test.each(redactionClasses)('[PRO-9] never sees a string of class %s, and the rest is a valid event', (hidden) => {
    for (const type of types) {
      const seen = redact(sample(type), profile(hidden));
      expect(JSON.stringify(seen), type).not.toContain(secret(hidden));
      if (seen) expect(checkEvent(seen), type).toEqual(withoutPlace(seen));
    }
  });

  test('[PRO-9] sees what is not hidden', () => {
    for (const type of types) {
      for (const hidden of redactionClasses) {
        const seen = JSON.stringify(redact(sample(type), profile(hidden)));
        if (seen === 'null') continue;
        const shown = redactionClasses.filter((kind) => kind !== hidden);
        for (const kind of shown) {
          if (JSON.stringify(sample(type)).includes(secret(kind)))
            expect(seen, `${type}, ${hidden}`).toContain(secret(kind));
        }
      }
    }
  });

  test('[PRO-9] sees every control event, except those that only tell of cost', () => {
    const everything = profile(...redactionClasses);
    for (const type of types) {
      const dropped = redact(sample(type), everything) === null;
      if (isControl(type)) expect(dropped, type).toBe(eventClasses[type].whole === 'cost');
    }
  });

  test('[PRO-9] sees no event and no field that this version does not know', () => {
    const future = { seq: 1, at: 1, type: 'node.teleported', data: { to: 'x' } } as unknown as RunEvent;
    expect(redact(future, profile('log'))).toBeNull();
    expect(redact(future, profile())).toBe(future);
    const grown = { ...sample('node.started'), data: { task: 't', shoeSize: 44 } } as unknown as RunEvent;
    expect(redact(grown, profile('log'))?.data).toEqual({ task: 't' });
  });

  test('gets the same object where nothing had to be hidden', () => {
    for (const type of ['run.started', 'agent.token', 'node.waiting'] as const) {
      const event = { seq: 1, at: 1, type, data: samples[type] } as RunEvent;
      expect(redact(event, profile('kb', 'identity'))).toBe(event);
    }
  });

  test('is not told the cost or the keys in a run’s options', () => {
    const seen = redact(sample('run.created'), profile('cost', 'identity'));
    expect(seen?.data).toMatchObject({ options: { priority: 1, delayUntil: 5, ttl: 9, queue: 'q' } });
    expect(JSON.stringify(seen)).not.toContain('987654');
  });
});

const subsets = fc.subarray([...redactionClasses], { minLength: 1 });

test('[PRO-9] folding what is left never throws, shows the same states, and holds no hidden string', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), subsets, (seed, hide) => {
      let whole = emptyView('r1');
      let seen = emptyView('r1');
      for (const event of live(seed)) {
        // Before the fold in place can have anything to do with the event.
        const left = redact(event, profile(...hide));
        whole = fold(whole, event);
        if (left) seen = fold(seen, left);
      }
      expect(statesOf(seen)).toEqual(statesOf(whole));
      for (const kind of hide) expect(JSON.stringify(seen)).not.toContain(secret(kind));
    }),
    { numRuns: 200, seed: 2_026 },
  );
});

const statesOf = ({ control }: RunView) => ({
  run: control.status,
  counts: control.counts,
  nodes: Object.fromEntries(Object.values(control.nodes).map(({ id, status, attempt }) => [id, [status, attempt]])),
  waits: Object.fromEntries(Object.values(control.waits).map(({ id, status }) => [id, status])),
});

function withoutPlace(event: RunEvent): object {
  const { seq: _seq, at: _at, ...rest } = event;
  return rest;
}
