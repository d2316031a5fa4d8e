import { describe, expect, test } from 'vitest';
import {
  publishJobChunk,
  publishJobComplete,
  publishJobFailed,
  publishJobProgress,
  publishJobStep,
} from './publish.ts';

/** What a client of Redis was asked, in words; `wait` holds its answers back. */
class Commands {
  readonly asked: string[][] = [];
  wait: Promise<unknown> = Promise.resolve();

  async take(args: readonly string[]): Promise<unknown> {
    this.asked.push([...args]);
    await this.wait;
    return args[0] === 'XADD' ? '1-1' : 0;
  }

  /** The messages of the stream. */
  messages(): { sequence: number; id: string; [field: string]: unknown }[] {
    return this.asked
      .filter(([command]) => command === 'XADD')
      .map((args) => JSON.parse(args.at(-1) ?? ''))
      .map(({ producer, ...message }) => ({ ...message, ...producer }));
  }
}

const clients = {
  'node-redis': (commands: Commands) => ({ sendCommand: (args: string[]) => commands.take(args) }),
  ioredis: (commands: Commands) => ({
    call: (command: string, ...args: string[]) => commands.take([command, ...args]),
    sendCommand: () => Promise.reject(new Error('takes a Command, not words')),
  }),
};

describe.each(Object.entries(clients))('[DIA-70] over %s', (_name, clientOf) => {
  test('a message goes to a capped stream, and to the job’s channel for others', async () => {
    const commands = new Commands();
    await publishJobProgress(clientOf(commands), 'j1', 'u1', 'running', 'Searching', 45);
    const text = commands.asked[0]?.at(-1) ?? '';
    expect(commands.asked).toEqual([
      ['XADD', 'millrace:jobs', 'MAXLEN', '~', '100000', '*', 'message', text],
      ['PUBLISH', 'job:event:j1', text],
    ]);
    expect(JSON.parse(text)).toEqual({
      ...{ type: 'job:progress', jobId: 'j1', userId: 'u1', state: 'running', step: 'Searching', progress: 45 },
      producer: { id: expect.any(String), sequence: 1 },
    });
  });

  test('a job’s messages go one after the other, numbered, whether or not they are awaited', async () => {
    const commands = new Commands();
    const client = clientOf(commands);
    const { promise, resolve } = Promise.withResolvers<void>();
    commands.wait = promise;
    const told = [
      publishJobStep(client, 'j1', 'u1', 'find', 'started'),
      publishJobChunk(client, 'j1', 'u1', 'Hello'),
      publishJobChunk(client, 'j2', 'u1', 'other'),
      publishJobComplete(client, 'j1', 'u1', { ok: true }, 12),
    ];
    await Promise.resolve();
    expect(commands.asked).toHaveLength(2);
    resolve();
    await Promise.all(told);
    const of = (job: string) => commands.messages().filter(({ jobId }) => jobId === job);
    expect(of('j1').map(({ type, sequence }) => [type, sequence])).toEqual([
      ...[
        ['job:step', 1],
        ['job:chunk', 2],
        ['job:completed', 3],
      ],
    ]);
    expect(of('j2').map(({ sequence }) => sequence)).toEqual([1]);
    expect(new Set(of('j1').map(({ id }) => id)).size).toBe(1);
  });
});

test('[DIA-70] what is told of a job after its end is numbered anew, so that it is refused and not taken for a repeat', async () => {
  const commands = new Commands();
  const client = clients['node-redis'](commands);
  await publishJobFailed(client, 'j1', 'u1', 'The index is gone.', 5);
  await publishJobChunk(client, 'j1', 'u1', 'late');
  const [first, late] = commands.messages();
  expect([first?.sequence, late?.sequence]).toEqual([1, 1]);
  expect(late?.id).not.toBe(first?.id);
});

test('[DIA-70] what cannot be sent rejects, and the next message is sent all the same', async () => {
  const commands = new Commands();
  const client = clients['node-redis'](commands);
  const circle: { self?: unknown } = {};
  circle.self = circle;
  await expect(publishJobComplete(client, 'j1', 'u1', circle, 1)).rejects.toThrow(/circular/i);
  commands.wait = Promise.reject(new Error('The socket is closed.'));
  commands.wait.catch(() => undefined);
  await expect(publishJobChunk(client, 'j1', 'u1', 'lost')).rejects.toThrow('The socket is closed.');
  commands.wait = Promise.resolve();
  await publishJobChunk(client, 'j1', 'u1', 'kept');
  expect(commands.messages().map(({ chunk, sequence }) => [chunk, sequence])).toEqual([
    ...[
      ['lost', 1],
      ['kept', 2],
    ],
  ]);
});
