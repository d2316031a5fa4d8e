import type { ErrorCode } from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import { task } from './task.ts';
import { tasksOf, workflow } from './workflow.ts';

const fetchPage = task('fetch', () => 'page', { retry: { attempts: 3 }, timeout: 5_000 });
const sum = task('sum', (_ctx, { fetch }: { fetch: string }) => fetch.length);

describe('workflow()', () => {
  test('[WRK-24] makes plain data from nodes by id, and knows the tasks that they were given', () => {
    const definition = workflow('report', {
      title: 'Report',
      input: { type: 'object' },
      nodes: {
        fetch: { task: fetchPage, retry: { attempts: 5 } },
        sum: { task: sum, needs: ['fetch'], when: '{% input.sum %}', onError: 'continue' },
        tell: { task: 'mail', needs: ['sum'] },
      },
    });
    expect(JSON.parse(JSON.stringify(definition))).toEqual({
      name: 'report',
      title: 'Report',
      input: { type: 'object' },
      nodes: [
        { id: 'fetch', task: 'fetch', retry: { attempts: 5 }, timeout: 5_000 },
        { id: 'sum', task: 'sum', needs: ['fetch'], when: '{% input.sum %}', onError: 'continue' },
        { id: 'tell', task: 'mail', needs: ['sum'] },
      ],
    });
    expect(tasksOf(definition)).toEqual([fetchPage, sum]);
  });

  test('names the one node of a job after its task', () => {
    expect(workflow('job', { task: sum }).nodes).toEqual([{ id: 'sum', task: 'sum' }]);
  });

  test('takes a graph as it is', () => {
    const nodes = [{ id: 'a', task: 'mail' }];
    expect(workflow('graph', { nodes }).nodes).toEqual(nodes);
  });

  test('refuses a graph that cannot be run, and does not compile one that needs what is not there', () => {
    const code = (code: ErrorCode) => expect.objectContaining({ code });
    expect(() => workflow('none', { nodes: {} })).toThrow(code('empty_graph'));
    expect(() =>
      workflow('round', { nodes: { a: { task: sum, needs: ['b'] }, b: { task: sum, needs: ['a'] } } }),
    ).toThrow(code('graph_cycle'));
    expect(() =>
      workflow('gone', {
        // @ts-expect-error there is no node c
        nodes: { a: { task: sum }, b: { task: sum, needs: ['c'] } },
      }),
    ).toThrow(code('graph_invalid'));
  });
});
