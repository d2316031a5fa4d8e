import { describe, expect, test } from 'vitest';
import { createRun, workflowDefinition } from './command.schema.ts';
import type { RunEvent } from './event.ts';
import { clientFrame, listQuery, runCommand, serverFrame } from './frame.schema.ts';
import { filterKey, passes, type RunFilter } from './frame.ts';
import { emptyView, summarise } from './view.ts';

describe('[PRO-10] the key of a filter', () => {
  test.each<[RunFilter | undefined, RunFilter | undefined]>([
    [undefined, {}],
    [{ types: [], nodes: [], agents: [] }, undefined],
    [{ types: ['log', 'metric'] }, { types: ['metric', 'log', 'log'] }],
    [{ nodes: ['b', 'a'], agents: [] }, { nodes: ['a', 'b'] }],
  ])('is one for equal filters: %j, %j', (one, other) => {
    expect(filterKey('r1', one)).toBe(filterKey('r1', other));
  });

  test.each<[RunFilter | undefined, RunFilter]>([
    [undefined, { types: ['log'] }],
    [undefined, { agents: ['*'] }],
    [{ agents: ['a,b'] }, { agents: ['a', 'b'] }],
    [{ nodes: ['a'] }, { agents: ['a'] }],
    [{ agents: ['a|b'] }, { nodes: ['a'], agents: ['b'] }],
  ])('is another for other filters: %j, %j', (one, other) => {
    expect(filterKey('r1', one)).not.toBe(filterKey('r1', other));
  });

  test('is the run itself where nothing is filtered', () => {
    expect(filterKey('r1', {})).toBe('r1');
  });
});

test('a filter passes what it names, and always the life of the run itself', () => {
  const event = (type: string, more: object = {}) => ({ seq: 1, at: 1, type, data: {}, ...more }) as RunEvent;
  const token = event('agent.token', { node: 'n', data: { agentId: 'a', messageId: 'm', text: 't' } });
  expect(passes(event('run.completed'), { types: ['log'], nodes: ['x'], agents: ['y'] })).toBe(true);
  expect(passes(token, {})).toBe(true);
  expect(passes(token, { types: ['agent.token'], nodes: ['n'], agents: ['a', 'b'] })).toBe(true);
  expect(passes(token, { types: ['log'] })).toBe(false);
  expect(passes(token, { nodes: ['m'] })).toBe(false);
  expect(passes(token, { agents: ['b'] })).toBe(false);
  expect(passes(event('log'), { nodes: ['n'] })).toBe(false);
  expect(passes(event('log'), { agents: ['a'] })).toBe(false);
});

describe('the wire’s schemas', () => {
  test('accept what clients send, and what a newer client adds', () => {
    for (const frame of [
      { type: 'hello', token: 't', colour: 'red' },
      { type: 'subscribe', id: 1, run: 'r1', after: 'e:5', filter: { types: ['log'] } },
      { type: 'list', id: 2, query: { owner: 'me', limit: 10 } },
      {
        type: 'command',
        id: 3,
        run: 'r1',
        key: 'k',
        ctl: 4,
        command: { type: 'approve', approvalId: 'w', decision: 'approved' },
      },
      { type: 'ping', at: 5 },
    ]) {
      expect(clientFrame.safeParse(frame).data).toEqual(frame);
    }
  });

  test('refuse what nobody can mean', () => {
    for (const frame of [
      { type: 'shout' },
      { type: 'subscribe', run: 'r1' },
      { type: 'subscribe', id: 1, run: 'r1', filter: { types: ['nope'] } },
      { type: 'command', id: 1, run: 'r1', command: { type: 'approve' } },
      { type: 'command', id: 1, run: 'r1', command: { type: 'provide', inputId: 'i' } },
    ]) {
      expect(clientFrame.safeParse(frame).success, JSON.stringify(frame)).toBe(false);
    }
    expect(listQuery.safeParse({ limit: 501 }).success).toBe(false);
    expect(runCommand.safeParse({ type: 'explode' }).success).toBe(false);
  });

  test('accept what servers send', () => {
    const view = emptyView('r1');
    const row = summarise({ ...view.control, workflow: 'w' }, 1, 1);
    for (const frame of [
      { type: 'hello', wire: 1, epoch: 'e', server: 's', heartbeat: 30_000 },
      { type: 'range', key: 'r1', run: 'r1', seq: 3, through: 9, events: [] },
      {
        type: 'range',
        key: 'r1',
        run: 'r1',
        seq: 3,
        through: 3,
        events: [{ seq: 3, at: 1, type: 'run.started', data: {} }],
      },
      { type: 'snapshot', key: 'r1', run: 'r1', seq: 0, view },
      { type: 'rows', list: 1, rows: [row], total: 1 },
    ]) {
      expect(serverFrame.safeParse(frame).error).toBeUndefined();
    }
  });

  test('describe runs and workflows', () => {
    const nodes = [{ id: 'a', task: 't', retry: { attempts: 3, delay: 100 }, onError: 'continue' }];
    expect(createRun.safeParse({ workflow: 'w', input: [1], nodes, options: { priority: 1 } }).success).toBe(true);
    expect(createRun.safeParse({ workflow: '', nodes }).success).toBe(false);
    expect(workflowDefinition.safeParse({ name: 'w', nodes: [{ id: 'a', retry: { attempts: 0 } }] }).success).toBe(
      false,
    );
  });
});
