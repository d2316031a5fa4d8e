import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { catalogue } from '../catalogue.ts';
import type { RunEvent } from '../event.ts';
import { redactionClasses } from '../event-class.ts';
import { fold } from '../fold.ts';
import type { GraphNode } from '../graph.ts';
import { live } from '../life.suite.ts';
import { deepFreeze, Log } from '../log.suite.ts';
import { isNodeEnded, type NodeState, nodeTable } from '../node.ts';
import { redact } from '../redact.ts';
import { isTerminal, type RunState, runTable } from '../run.ts';
import { secret } from '../sample.suite.ts';
import { emptyView } from '../view.ts';
import { agentChannel, channelNodeWords, channelRunWords, channels, executionChannel, kbChannel } from './channels.ts';
import { type Dialect, type Message, tell } from './dialect.ts';
import { executionNodeWords, executions, executionWords } from './executions.ts';
import { jobs, jobWords } from './jobs.ts';
import { runSocket, runSocketNodeWords, runSocketRunWords } from './run-socket.ts';
import { goldenRuns, messagesOf, tale } from './tale.suite.ts';

const dialects = [runSocket, executions, channels, jobs, executionChannel, agentChannel, kbChannel('kb1')];
const lives = (property: (events: RunEvent[]) => void, numRuns = 100) =>
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => property(live(seed, 150))),
    { seed: 2_026, numRuns },
  );

/** The states that may follow one another: a public word stays, or moves as some state behind it may. */
function follows<S extends string>(table: Record<S, Record<string, S | null>>, word: (state: S) => string) {
  const states = Object.keys(table) as S[];
  const ways = new Set(
    states.flatMap((from) =>
      (Object.values(table[from]) as (S | null)[]).map((to) => to && `${word(from)} ${word(to)}`),
    ),
  );
  return (from: string, to: string) => from === to || ways.has(`${from} ${to}`);
}

describe.each(dialects.map((dialect) => [dialect.name, dialect] as const))('%s', (_name, dialect) => {
  test('[DIA-4] tells any valid log, as plain JSON, and leaves the view as it is', () => {
    lives((events) => {
      let view = emptyView('r1');
      for (const event of events) {
        view = deepFreeze(fold(view, event, new WeakSet()));
        for (const message of dialect.messages(view, event)) {
          expect(JSON.parse(JSON.stringify(message))).toEqual(message);
        }
        dialect.state?.(view);
      }
    }, 20);
  });

  test.each(redactionClasses)(
    '[DIA-4] tells a log without what is of class %s, and nothing of that class',
    (hidden) => {
      lives((events) => {
        const seen = events.flatMap((event) => redact(event, { name: hidden, hide: [hidden] }) ?? []);
        const messages = messagesOf(dialect, seen);
        expect(messages.length).toBeLessThanOrEqual(messagesOf(dialect, events).length);
        expect(JSON.stringify(messages)).not.toContain(secret(hidden));
      }, 8);
    },
  );

  test('[DIA-5] tells the same of a log however it is cut into ranges, and joined text reads the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), fc.array(fc.integer({ min: 1, max: 40 })), (seed, lengths) => {
        const events = live(seed, 150);
        const parts: Message[] = [];
        let view = emptyView('r1');
        let from = 0;
        for (const length of [...lengths, events.length]) {
          const told = tell(dialect, view, events.slice(from, from + length), new WeakSet());
          parts.push(...told.messages);
          view = told.view;
          from += length;
        }
        const single = messagesOf(dialect, events);
        const rest = (messages: readonly Message[]) => messages.filter((message) => pieceOf(message) === undefined);
        expect(JSON.parse(JSON.stringify(rest(parts)))).toEqual(rest(single));
        expect(texts(parts)).toEqual(texts(single));
      }),
      { seed: 2_026, numRuns: 40 },
    );
  });
});

const pieceOf = ({ event, data }: Message) =>
  event === 'agent:token' ? data.token : event === 'job:chunk' ? data.chunk : undefined;

/** What the pieces of each text come to. */
function texts(messages: readonly Message[]): Record<string, string> {
  const whole: Record<string, string> = {};
  for (const message of messages) {
    const piece = pieceOf(message);
    if (piece === undefined) continue;
    const { nodeId, agentId, messageId } = message.data;
    const key = JSON.stringify([nodeId ?? null, agentId ?? null, messageId ?? null]);
    whole[key] = `${whole[key] ?? ''}${piece}`;
  }
  return whole;
}

test('[DIA-6] each dialect has a word for every state of a run and of a node', () => {
  const runs = Object.keys(runTable).sort();
  const nodes = Object.keys(nodeTable).sort();
  for (const words of [runSocketRunWords, executionWords, channelRunWords, jobWords])
    expect(Object.keys(words).sort()).toEqual(runs);
  for (const words of [runSocketNodeWords, executionNodeWords, channelNodeWords])
    expect(Object.keys(words).sort()).toEqual(nodes);
});

describe('what is told of states', () => {
  test('[DIA-7] by executions: four words, each following from the one before; after completed or failed nothing of the run', () => {
    const mayFollow = follows<RunState>(runTable, (state) => executionWords[state]);
    const nodeMayFollow = follows<NodeState>(nodeTable, (state) => executionNodeWords[state]);
    lives((events) => {
      let last: string | undefined;
      const nodes: Record<string, string> = {};
      for (const { event, data } of messagesOf(executions, events)) {
        if (event === 'status') {
          const status = data.status as string;
          if (last !== undefined) expect(mayFollow(last, status), `${last} → ${status}`).toBe(true);
          else expect(status).toBe('pending');
          last = status;
        } else if (event === 'nodeStatus') {
          const [id, status] = [data.nodeId as string, data.status as string];
          expect(['pending', 'running', 'completed', 'failed']).toContain(status);
          expect(nodeMayFollow(nodes[id] ?? 'pending', status), `${nodes[id]} → ${status}`).toBe(true);
          nodes[id] = status;
        }
      }
      expect(last).toBe(executionWords[folded(events).control.status]);
    });
  });

  test('[DIA-8] by run-socket: every old_status is the node’s last new_status, and every move is one of the tables', () => {
    lives((events) => {
      const nodes: Record<string, string> = {};
      for (const { event, data } of messagesOf(runSocket, events)) {
        if (event !== 'dag_node_status_changed') continue;
        const { node_id: id, old_status: from, new_status: to } = data.data as Record<string, string>;
        expect(from).toBe(nodes[id as string] ?? 'pending');
        // A result that was copied from an ancestor completes a node that its needs had queued.
        const ways: (string | null)[] = Object.values(nodeTable[from as NodeState]);
        expect([...ways, 'cancelled', ...(from === 'queued' ? ['completed'] : [])]).toContain(to);
        nodes[id as string] = to as string;
      }
      const states = Object.values(folded(events).control.nodes);
      for (const { id, status } of states) expect(nodes[id] ?? 'pending').toBe(status);
    });
  });

  test('[DIA-8] by run-socket: the run starts, pauses and resumes by turns, and ends last', () => {
    lives((events) => {
      const words = messagesOf(runSocket, events)
        .map(({ event }) => event)
        .filter((event) => event.startsWith('workflow_'))
        .map((event) => event.slice('workflow_'.length));
      expect(words.join(' ')).toMatch(/^(started( paused resumed)*( paused)?)? ?(completed|failed)?$/);
    });
  });

  test('[DIA-9] by jobs: at most one message an event, seqs that strictly grow, and states that follow the seed’s machine', () => {
    const mayFollow = follows<RunState>(runTable, (state) => jobWords[state]);
    lives((events) => {
      let [seq, state] = [0, 'created'];
      for (const { event, messages } of tale(jobs, events)) {
        expect(messages.length).toBeLessThanOrEqual(1);
        for (const { data } of messages) {
          expect(data).toMatchObject({ jobId: 'r1', seq: event.seq });
          expect(data.seq).toBeGreaterThan(seq);
          seq = event.seq;
          if (typeof data.state !== 'string') continue;
          expect(mayFollow(state, data.state), `${state} → ${data.state}`).toBe(true);
          state = data.state;
        }
      }
    });
  });

  test('[DIA-10] by channels: each node that moves is told once a move, in the word of its state; the end comes last', () => {
    lives((events) => {
      const nodes: Record<string, string> = {};
      const told = messagesOf(channels, events);
      for (const { event, data } of told) {
        const status = (data.nodeStatus ??
          (event.startsWith('node:') && event !== 'node:progress' && data.status)) as NodeState;
        if (!status) continue;
        expect(event).toBe(channelNodeWords[status]);
        nodes[(data.nodeId ?? data.currentNode) as string] = status;
      }
      const { control } = folded(events);
      for (const { id, status } of Object.values(control.nodes)) expect(nodes[id] ?? 'pending').toBe(status);
      if (isTerminal(control.status)) expect(told.at(-1)?.event).toBe(channelRunWords[control.status]);
    });
  });
});

function folded(events: readonly RunEvent[]) {
  return events.reduce((view, event) => fold(view, event), emptyView('r1'));
}

test('[DIA-11] what a client may judge by is stable: ids are unique in a run, and the same whenever it is told again', () => {
  lives((events) => {
    const idsOf = (dialect: Dialect) =>
      messagesOf(dialect, events).flatMap(({ data }) => {
        const id = data.id ?? (data.log as { id?: string } | undefined)?.id;
        return id === undefined ? [] : [id as string];
      });
    for (const dialect of [executions, channels]) {
      const ids = idsOf(dialect);
      expect(new Set(ids).size).toBe(ids.length);
      for (const id of ids) expect(id).toMatch(/^r1:\d+(\.\d+)?$/);
      expect(idsOf(dialect)).toEqual(ids);
    }
  }, 30);
});

test('[DIA-12] the catalogue names for each event what the dialects tell of it, and nothing else', () => {
  const told = new Map<string, Set<string>>();
  const said = { agentId: 'a', messageId: 'm', role: 'assistant', text: 'Yes.' } as const;
  const spoken = Log.of([{ id: 'a', task: 't' }]).write('agent.message', said).events;
  const logs = [spoken, ...goldenRuns(), ...Array.from({ length: 60 }, (_, seed) => live(seed, 200))];
  for (const events of logs) {
    for (const dialect of [runSocket, executions, channels, jobs]) {
      for (const { event, messages } of tale(dialect, events)) {
        const names = told.get(event.type) ?? new Set();
        for (const message of messages) names.add(message.event);
        told.set(event.type, names);
      }
    }
  }
  for (const { type, seeds } of catalogue.values()) {
    const names = told.get(type) ?? new Set();
    expect(
      seeds.filter((name) => !names.has(name)),
      `${type} is said to be told as these`,
    ).toEqual([]);
  }
  const named = new Set([...catalogue.values()].flatMap(({ seeds }) => seeds));
  const all = new Set([...told.values()].flatMap((names) => [...names]));
  expect([...all].filter((name) => !named.has(name))).toEqual([]);
});

test('[DIA-13] a graph of 2,000 nodes is told in a handful of messages a node, from its creation to its end', () => {
  const nodes: GraphNode[] = Array.from({ length: 2_000 }, (_, n) => ({
    id: `n${n}`,
    task: 't',
    ...(n > 0 ? { needs: [`n${Math.floor((n - 1) / 3)}`] } : {}),
  }));
  const log = Log.of(nodes);
  for (const { id } of nodes.slice(0, 1_500)) log.start(id).complete(id);
  log.write('run.cancelled', {});
  for (const dialect of [runSocket, executions, channels, jobs]) {
    const { messages } = tell(dialect, emptyView('r1'), log.events);
    // What is told grows with what happened: a node has a handful of moves, whatever the size of the graph.
    expect(messages.length).toBeLessThan(5 * nodes.length);
    expect(JSON.stringify(messages).length).toBeLessThan(2_000 * nodes.length);
  }
  expect(Object.values(log.view.control.nodes).every(({ status }) => isNodeEnded(status))).toBe(true);
});
