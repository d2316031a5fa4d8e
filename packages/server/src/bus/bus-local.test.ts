import { expect, test } from 'vitest';
import { busSuite } from './bus.suite.ts';
import { topics } from './bus.ts';
import { LocalBus } from './bus-local.ts';

busSuite('the local bus', async () => {
  const bus = new LocalBus();
  return { publisher: bus, listener: bus, whole: true, joined: async () => {} };
});

test('[HUB-3] in one process a message is heard before publish returns', () => {
  const bus = new LocalBus();
  let heard = 0;
  bus.subscribe(topics.work('t'), () => {
    heard += 1;
  });
  bus.publish([{ kind: 'work', topic: topics.work('t'), tenant: 't' }]);
  expect(heard).toBe(1);
});
