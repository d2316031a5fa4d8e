import { expect, test } from 'vitest';
import { Ladder } from './ladder.ts';
import { defaultPolicy } from './policy.ts';

const ladder = () => new Ladder(['websocket', 'sse', 'polling'], defaultPolicy);

test('[CLT-19] a transport that failed twice in a row makes room for the next, and the last one for the first', () => {
  const down = ladder();
  const kinds = Array.from({ length: 8 }, () => {
    if (down.failed()) down.stepDown();
    return down.kind;
  });
  expect(kinds).toEqual(['websocket', 'sse', 'sse', 'polling', 'polling', 'websocket', 'websocket', 'sse']);
});

test('[CLT-19] one that lasted begins to count anew', () => {
  const down = ladder();
  expect([down.failed(), down.forget(), down.failed(), down.failed()]).toEqual([false, undefined, false, true]);
});

test('[CLT-19] the better one is tried after 5 s, and then ever more rarely, at least every 5 min', () => {
  const low = ladder();
  low.stepDown();
  const waits = Array.from({ length: 9 }, () => {
    const seconds = low.climbAfter / 1_000;
    low.climbing();
    return seconds;
  });
  expect(low.better).toBe('websocket');
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
  low.forget();
  expect(low.climbAfter).toBe(300_000);
  low.climbed();
  low.forget();
  expect([low.better, low.climbAfter]).toEqual([undefined, 5_000]);
});

test('where there is but one transport it is kept', () => {
  const only = new Ladder(['polling'], defaultPolicy);
  expect(Array.from({ length: 5 }, () => only.failed())).toEqual([false, false, false, false, false]);
});
