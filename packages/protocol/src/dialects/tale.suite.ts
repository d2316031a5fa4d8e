import { readFileSync } from 'node:fs';
import type { RunEvent } from '../event.ts';
import { emptyView } from '../view.ts';
import { type Dialect, type Message, tell } from './dialect.ts';

/** What a dialect says of each event, as JSON: nothing that it says may change later. */
export function tale(dialect: Dialect, events: readonly RunEvent[]): { event: RunEvent; messages: Message[] }[] {
  let view = emptyView('r1');
  const { join: _join, ...unjoined } = dialect;
  return events.map((event) => {
    const told = tell(unjoined, view, [event]);
    view = told.view;
    return { event, messages: JSON.parse(JSON.stringify(told.messages)) as Message[] };
  });
}

export const messagesOf = (dialect: Dialect, events: readonly RunEvent[]): Message[] =>
  tale(dialect, events).flatMap(({ messages }) => messages);

/** The golden log's runs: every type of event, in logs that a server wrote. */
export function goldenRuns(): RunEvent[][] {
  const text = readFileSync(new URL('../../../../test/golden/log.jsonl', import.meta.url), 'utf8');
  const runs = new Map<string, RunEvent[]>();
  for (const line of text.trim().split('\n')) {
    const { run, event } = JSON.parse(line) as { run: string; event: RunEvent };
    runs.set(run, [...(runs.get(run) ?? []), event]);
  }
  return [...runs.values()];
}
