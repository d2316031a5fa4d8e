import { expect, test } from 'vitest';
import { catalogue } from '../catalogue.ts';
import type { Json } from '../json.ts';
import { live } from '../life.suite.ts';
import { Log } from '../log.suite.ts';
import { channelNodeWords, channelRunWords, channels } from './channels.ts';
import type { Dialect } from './dialect.ts';
import { executionNodeWords, executions, executionWords } from './executions.ts';
import { jobs, jobWords } from './jobs.ts';
import { currentState, runSocket, runSocketNodeWords, runSocketRunWords } from './run-socket.ts';
import { goldenRuns, messagesOf } from './tale.suite.ts';

const row = (...cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const code = (word: string) => `\`${word}\``;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(...head), row(...head.map(() => '---')), ...rows.map((cells) => row(...cells))].join('\n');

/** A state's words, one column a dialect. */
function words<S extends string>(head: string, columns: Record<string, Record<S, string>>): string {
  const states = Object.keys(Object.values(columns)[0] ?? {}) as S[];
  return table(
    [head, ...Object.keys(columns)],
    states.map((state) => [code(state), ...Object.values(columns).map((column) => code(column[state]))]),
  );
}

const said = { agentId: 'a', messageId: 'm', role: 'assistant', text: 'Yes.' } as const;
const logs = [
  ...goldenRuns(),
  Log.of([{ id: 'a', task: 't' }]).write('agent.message', said).events,
  ...Array.from({ length: 60 }, (_, seed) => live(seed, 200)),
];

/** Every message's fields as they come over many logs; those that some messages leave out end in `?`. */
function fieldsOf(dialect: Dialect, data: (fields: { [field: string]: Json }) => { [field: string]: Json }): string {
  const seen = new Map<string, { total: number; fields: Map<string, number> }>();
  for (const message of logs.flatMap((events) => messagesOf(dialect, events))) {
    const about = seen.get(message.event) ?? { total: 0, fields: new Map<string, number>() };
    about.total += 1;
    for (const field of Object.keys(data(message.data))) about.fields.set(field, (about.fields.get(field) ?? 0) + 1);
    seen.set(message.event, about);
  }
  const rows = [...seen].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return table(
    ['message', 'fields'],
    rows.map(([event, { total, fields }]) => [
      code(event),
      [...fields].map(([field, count]) => code(count === total ? field : `${field}?`)).join(' '),
    ]),
  );
}

/** docs/dialects.md as the code has it. `npx vitest run --project unit packages/protocol/src/dialects/docs.test.ts -u` writes it. */
function page(): string {
  const state = currentState(Log.of([{ id: 'a', task: 't' }]).start('a').view).map(({ event }) => code(event));
  const told = [...catalogue.values()].map(({ type, seeds }) => [code(type), seeds.map(code).join(' ') || '–']);
  return `# Dialects

Four established protocols are served as views of a run's log: **run-socket** (a raw WebSocket), **executions** and
**channels** (Socket.IO), **jobs** (Socket.IO and REST). A dialect is a pure function (view after, event) → messages in
\`@millrace/protocol/dialects/\`: the server's wiring spells its packets with it, and a client that follows natively builds
the same messages. [seeds.md](seeds.md) says what each of them promises, and which test proves it.

## Words

Each dialect has a word for every state. Where a protocol knows fewer than we do, the true status stands beside
its word: \`state\` and \`detail\` in executions and jobs, \`status\` and \`detail\` in channels and run-socket.
A run that is stopping has the detail \`cancelling\` or \`failing\`; one that is paused while attempts end, \`pausing\`; one that
only waits, \`waiting\`.

${words('run', { 'run-socket': runSocketRunWords, executions: executionWords, channels: channelRunWords, jobs: jobWords })}

A cancelled run is \`workflow_failed\` with \`reason: cancelled\` in run-socket, \`execution:failed\` with \`code: cancelled\` in
channels, and \`failed\` with an \`error\` in executions. A resumed run is told as \`workflow_resumed\` and \`job:resumed\`.

${words('node', { 'run-socket': runSocketNodeWords, executions: executionNodeWords, channels: channelNodeWords })}

In jobs a node is no message of its own: the ends of a workflow's nodes are \`job:progress\`. A retry is \`node:failed\` in channels
with \`retry.willRetry\`. What an event implies is told too: a start, nodes whose needs are satisfied, nodes whose wait is over, and
the open nodes that the end of a run cancels. What is told of the run's end comes last.

## Events

${table(['event', 'told as'], told)}

Not told: what has no name in any of the four. An answer (\`input.provided\`) is seen by the node that goes on. An \`error\` event says
that something went wrong and the run goes on; for executions it is therefore a log line of level error, since its \`error\` ends an
execution.

## run-socket

Each message is \`{event_type, timestamp, run_id, seq, data}\`; the fields below are those of \`data\`. About the connection there are
\`connected\`, \`reconnected\`, \`disconnected\`, \`heartbeat\`, \`pong\` and \`error\`. The present state of a running run is ${state.join(', ')}, then
open approvals and the cost so far.

The timestamp's digits after the ms are a place in the log: five for a seq below 100,000, seven or more above. No clock writes
eight digits of a second's fraction, or more than nine, so \`since\` with such a timestamp means: what comes after that
seq. Any other timestamp is inclusive. Of an event that has several messages only the last one's digits are its seq; the others' are
the seq before, so that a reader cut off between two of them is given the event again rather than half of it.
From seq 100,000 on, JavaScript's \`Date\` may read such a time up to a second late; its first 23 characters are exact.

${fieldsOf(runSocket, (data) => data.data as { [field: string]: Json })}

## executions

\`log.id\` and the \`id\` of results and errors are \`RUN:SEQ\`, the same over resends. A line of level debug is one of level info with
\`metadata.level\`. To late subscribers a line that a newer attempt has retracted says \`superseded\`.

${fieldsOf(executions, (data) => data)}

## channels

\`id\` is \`RUN:SEQ\`, and \`RUN:SEQ.n\` for what one event says after its first message: the same by whichever room it comes.
\`execution:{id}\` is about the execution, its nodes and inputs; \`agent:{agentId}:{id}\` the \`agent:\` events;
\`kb:{id}\` the \`kb:\` events; \`user:{id}\` all. The tokens that one turn brings of one message are one \`agent:token\`: its \`token\` is their
joined text, its \`id\` the last one's. A response of more than 100,000 characters is cut at its beginning and says \`truncated\`.

${fieldsOf(channels, (data) => data)}

## jobs

An event says at most one message, so \`seq\` grows strictly: what is not greater than the last was seen before. Every token is a
\`job:chunk\` of its own.

${fieldsOf(jobs, (data) => data)}

## The other way round

An external run is fed with the protocols' own words. A publisher of jobs tells \`job:progress {state, step, progress}\`,
\`job:step\`, \`job:chunk\`, \`job:completed\` and \`job:failed\`; an emitter emits any of the channels' events. The state that a publisher tells is
checked by the state tables (\`invalid_transition\` names what is allowed); \`paused\` becomes the command, and \`running\` in a
paused run is only progress: its worker has not heard of the pause yet. A document's upload without an \`executionId\` is a run
of its own, \`kb-KB-DOCUMENT\` of the workflow \`ingest\`, and ends with it.
Values that were too large to stand in an event are passed on as \`{$blob, bytes, type}\` everywhere. An item of a forEach is a node of its own,
\`id[3]\`, and names its parent in run-socket's graph.
`;
}

test('[DIA-12] docs/dialects.md holds the tables as the code has them: words, messages and their fields', async () => {
  await expect(page()).toMatchFileSnapshot('../../../../docs/dialects.md');
});
