import type { RunSummary } from '@millrace/protocol';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Bus, type BusMessage, topics } from './bus.ts';

/** Two ends of one bus: one object where it serves one process. */
export interface BusEnds {
  publisher: Bus;
  listener: Bus;
  /** messages arrive as they were published; else without text, neighbouring ranges of a run joined, rows as `wake` */
  whole: boolean;
  /** Resolves when `listener` hears what others publish on these topics. */
  joined(...topics: string[]): Promise<void>;
}

/** What every bus does. `open` gives a fresh one; where servers share it, two of them are `open`ed on it. */
export function busSuite(name: string, open: () => Promise<BusEnds>): void {
  describe(`${name} as a bus`, () => {
    let ends: BusEnds;
    let publisher: Bus;
    let listener: Bus;
    beforeEach(async () => {
      ends = await open();
      ({ publisher, listener } = ends);
    });
    afterEach(async () => {
      await publisher.close();
      await listener.close();
    });

    test('[HUB-1] a message reaches every listener of its topic, in the order of publishing, and no other listener', async () => {
      const heard: number[][] = [[], [], []];
      const note = (place: number) => (message: BusMessage) => heard[place]?.push(...covered(message));
      listener.subscribe(topics.run('t', 'a'), note(0));
      listener.subscribe(topics.run('t', 'a'), note(1));
      listener.subscribe(topics.run('other', 'a'), note(2));
      await ends.joined(topics.run('t', 'a'), topics.run('other', 'a'));
      publisher.publish([events('a', 1), events('b', 1), events('a', 2)]);
      publisher.publish([events('a', 3)]);
      await vi.waitFor(() => expect(heard).toEqual([[1, 2, 3], [1, 2, 3], []]));
    });

    test('a message arrives as it was published, or without what the bus cannot carry', async () => {
      const heard: BusMessage[] = [];
      listener.subscribe(topics.run('t', 'a'), (message) => heard.push(message));
      await ends.joined(topics.run('t', 'a'));
      const sent = { ...events('a', 7), text: '{"seq":7,"data":"ein\\nWort: Ü 🚲"}', ended: true };
      publisher.publish([sent]);
      const { text: _, ...bare } = sent;
      await vi.waitFor(() => expect(heard).toEqual([ends.whole ? sent : bare]));
    });

    test('a message may put its text together when it is asked for it', async () => {
      const heard: (string | undefined)[] = [];
      listener.subscribe(topics.run('t', 'a'), (message) => {
        heard.push(message.kind === 'events' ? message.text : message.kind);
      });
      await ends.joined(topics.run('t', 'a'));
      const { text, ...bare } = events('a', 7) as Extract<BusMessage, { kind: 'events' }>;
      publisher.publish([
        Object.assign(
          Object.create({
            get text() {
              return text;
            },
          }),
          bare,
        ),
      ]);
      await vi.waitFor(() => expect(heard).toEqual([ends.whole ? text : undefined]));
    });

    test('[CLU-1] a change of a row is heard as that row, or as the word to look for it', async () => {
      const heard: BusMessage[] = [];
      const row: BusMessage = { kind: 'row', topic: topics.rows('t'), tenant: 't', row: summary, queue: 'slow' };
      listener.subscribe(topics.rows('t'), (message) => heard.push(message));
      await ends.joined(topics.rows('t'));
      if (!ends.whole) listener.subscribe(topics.wake, (message) => heard.push(message));
      publisher.publish([row]);
      await vi.waitFor(() => expect(heard).toEqual([ends.whole ? row : { kind: 'wake', topic: topics.wake }]));
    });

    test('[CLU-1] the word that there is work is heard', async () => {
      const work: BusMessage = { kind: 'work', topic: topics.work('t'), tenant: 't' };
      const heard: BusMessage[] = [];
      listener.subscribe(topics.work('t'), (message) => heard.push(message));
      await ends.joined(topics.work('t'));
      publisher.publish([work]);
      await vi.waitFor(() => expect(heard).toEqual([work]));
    });

    test('[HUB-2] an ended subscription hears nothing more and its neighbours go on', async () => {
      const heard: number[] = [];
      const same = (message: BusMessage) => heard.push(...covered(message));
      const end = listener.subscribe(topics.run('t', 'a'), same);
      listener.subscribe(topics.run('t', 'a'), same);
      await ends.joined(topics.run('t', 'a'));
      end();
      end();
      publisher.publish([events('a', 1)]);
      await vi.waitFor(() => expect(heard).toEqual([1]));
    });

    test('[HUB-2] a topic that was left can be followed again', async () => {
      const topic = topics.run('t', 'a');
      const end = listener.subscribe(topic, () => undefined);
      await ends.joined(topic);
      end();
      const heard: number[] = [];
      listener.subscribe(topic, (message) => heard.push(...covered(message)));
      // Whether the leaving or the coming back is through cannot be seen, so it is said until it is heard.
      await vi.waitFor(() => {
        publisher.publish([events('a', 1)]);
        expect(heard).toContain(1);
      });
    });

    test('a listener may end its own subscription while it is called', async () => {
      const heard: string[] = [];
      const end = listener.subscribe(topics.run('t', 'a'), (message) => {
        heard.push(`first ${covered(message).at(0)}`);
        end();
      });
      listener.subscribe(topics.run('t', 'a'), (message) => {
        heard.push(...covered(message).map((seq) => `second ${seq}`));
      });
      await ends.joined(topics.run('t', 'a'));
      publisher.publish([events('a', 1), events('a', 2)]);
      await vi.waitFor(() => expect(heard).toEqual(['first 1', 'second 1', 'second 2']));
    });

    test('[HUB-3] listeners of the server that publishes hear it before publish returns, and once', async () => {
      const heard: number[] = [];
      publisher.subscribe(topics.run('t', 'a'), (message) => heard.push(...covered(message)));
      const echo: number[] = [];
      listener.subscribe(topics.run('t', 'a'), (message) => echo.push(...covered(message)));
      await ends.joined(topics.run('t', 'a'));
      publisher.publish([events('a', 1)]);
      expect(heard).toEqual([1]);
      // By the time the other end has heard the second, the first would have come back.
      await vi.waitFor(() => expect(echo).toEqual([1]));
      publisher.publish([events('a', 2)]);
      await vi.waitFor(() => expect(echo).toEqual([1, 2]));
      expect(heard).toEqual([1, 2]);
    });
  });
}

export function events(run: string, seq: number): BusMessage & { kind: 'events' } {
  const topic = topics.run('t', run);
  return { kind: 'events', topic, tenant: 't', run, seq, through: seq, text: `{"seq":${seq}}`, ended: false };
}

/** Every seq that a message tells of. */
export function covered(message: BusMessage): number[] {
  if (message.kind !== 'events') throw new Error(`a ${message.kind} on a run's topic`);
  const { seq, through } = message;
  return Array.from({ length: through - seq + 1 }, (_, place) => seq + place);
}

const summary: RunSummary = {
  ...{ id: 'a', workflow: 'w', status: 'running', seq: 4, createdAt: 1, updatedAt: 2, tags: ['ein Wort'] },
  ...{ external: false, nodes: { ended: 0, total: 1 }, openWaits: 0 },
};
