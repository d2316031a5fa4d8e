import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Bus, type BusMessage, topics } from './bus.ts';

/** What every bus does. `open` gives a fresh bus; where servers share one, two of them are `open`ed on it. */
export function busSuite(name: string, open: () => Promise<{ publisher: Bus; listener: Bus }>): void {
  describe(`${name} as a bus`, () => {
    let publisher: Bus;
    let listener: Bus;
    beforeEach(async () => {
      ({ publisher, listener } = await open());
    });
    afterEach(async () => {
      await publisher.close();
      await listener.close();
    });

    test('[HUB-1] a message reaches every listener of its topic, in the order of publishing, and no other listener', async () => {
      const heard: string[][] = [[], [], []];
      listener.subscribe(topics.run('t', 'a'), (message) => heard[0]?.push(spelled(message)));
      listener.subscribe(topics.run('t', 'a'), (message) => heard[1]?.push(spelled(message)));
      listener.subscribe(topics.run('other', 'a'), (message) => heard[2]?.push(spelled(message)));
      publisher.publish([events('a', 1), events('b', 1), events('a', 2)]);
      publisher.publish([events('a', 3)]);
      await vi.waitFor(() => expect(heard).toEqual([['a1', 'a2', 'a3'], ['a1', 'a2', 'a3'], []]));
    });

    test('a message arrives as it was published', async () => {
      const heard: BusMessage[] = [];
      listener.subscribe(topics.run('t', 'a'), (message) => heard.push(message));
      publisher.publish([events('a', 7)]);
      await vi.waitFor(() => expect(heard).toEqual([events('a', 7)]));
    });

    test('[HUB-2] an ended subscription hears nothing more and its neighbours go on', async () => {
      const heard: string[] = [];
      const same = (message: BusMessage) => heard.push(spelled(message));
      const end = listener.subscribe(topics.run('t', 'a'), same);
      listener.subscribe(topics.run('t', 'a'), same);
      end();
      end();
      publisher.publish([events('a', 1)]);
      await vi.waitFor(() => expect(heard).toEqual(['a1']));
    });

    test('a listener may end its own subscription while it is called', async () => {
      const heard: string[] = [];
      const end = listener.subscribe(topics.run('t', 'a'), (message) => {
        heard.push(spelled(message));
        end();
      });
      listener.subscribe(topics.run('t', 'a'), (message) => heard.push(`second ${spelled(message)}`));
      publisher.publish([events('a', 1), events('a', 2)]);
      await vi.waitFor(() => expect(heard).toEqual(['a1', 'second a1', 'second a2']));
    });
  });
}

function events(run: string, seq: number): BusMessage {
  const topic = topics.run('t', run);
  return { kind: 'events', topic, tenant: 't', run, seq, through: seq, text: `{"seq":${seq}}`, ended: false };
}

function spelled(message: BusMessage): string {
  return message.kind === 'events' ? `${message.run}${message.seq}` : message.kind;
}
