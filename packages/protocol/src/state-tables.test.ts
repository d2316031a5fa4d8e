import { describe, expect, test } from 'vitest';
import { eventKinds } from './event-kind.ts';
import { isNodeEnded, nodeMovesFrom, nodeTable } from './node.ts';
import { isTerminal, runMovesFrom, runTable } from './run.ts';
import { waitTable } from './wait.ts';

type Table = Record<string, Record<string, string | null>>;

function reachable(table: Table, from: string): string[] {
  const seen = new Set([from]);
  for (const state of seen) for (const to of Object.values(table[state] ?? {})) if (to) seen.add(to);
  return [...seen].sort();
}

describe.each([
  { of: 'run', table: runTable as Table, first: 'created', ended: isTerminal as (state: string) => boolean },
  { of: 'node', table: nodeTable as Table, first: 'pending', ended: isNodeEnded as (state: string) => boolean },
])('the table of $of states', ({ table, first, ended }) => {
  test('[PRO-4] reaches every state, and only states that it has rows for', () => {
    expect(reachable(table, first)).toEqual(Object.keys(table).sort());
  });

  test('[PRO-4] has no way out of a terminal state, and from every other a way to one', () => {
    for (const state of Object.keys(table)) {
      const ways = Object.values(table[state] ?? {}).filter((to) => to !== null);
      if (ended(state)) expect(ways, state).toEqual([]);
      else expect(reachable(table, state).some(ended), state).toBe(true);
    }
  });

  test('[PRO-4] judges the same events in every state, control events all, each of use somewhere', () => {
    const moves = Object.keys(table[first] ?? {}).sort();
    for (const row of Object.values(table)) expect(Object.keys(row).sort()).toEqual(moves);
    for (const move of moves) {
      expect(Object.entries(eventKinds).find(([type]) => type === move)?.[1]).toBe('control');
      expect(
        Object.values(table).some((row) => row[move] !== null),
        move,
      ).toBe(true);
    }
  });

  test('[PRO-4] lets every open state be cancelled', () => {
    for (const state of Object.keys(table))
      if (!ended(state)) expect(Object.values(table[state] ?? {})).toContain('cancelled');
  });
});

test('[PRO-4] only running pauses, only paused resumes', () => {
  const from = (move: 'run.paused' | 'run.resumed') =>
    Object.entries(runTable).flatMap(([state, row]) => (row[move] ? [state] : []));
  expect(from('run.paused')).toEqual(['running']);
  expect(from('run.resumed')).toEqual(['paused']);
});

test('[PRO-4] the states that are allowed from a state can be told', () => {
  expect(runMovesFrom('created')).toEqual(['running', 'stopping', 'failed', 'cancelled']);
  expect(runMovesFrom('stopping')).toEqual(['failed', 'cancelled']);
  expect(runMovesFrom('completed')).toEqual([]);
  expect(nodeMovesFrom('waiting')).toEqual(['queued', 'failed', 'cancelled']);
  expect(nodeMovesFrom('skipped')).toEqual([]);
});

test('[PRO-4] a wait of each kind is opened by one event and ended by the others of its kind', () => {
  for (const [kind, row] of Object.entries(waitTable)) {
    const own = Object.entries(row).filter(([, to]) => to !== null);
    expect(own.every(([type]) => type.startsWith(`${kind}.`))).toBe(true);
    expect(own.filter(([, to]) => to === 'open')).toHaveLength(1);
    expect(own.length).toBeGreaterThan(1);
  }
});
