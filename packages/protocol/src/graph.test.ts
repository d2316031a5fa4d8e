import { describe, expect, test } from 'vitest';
import { MillraceError } from './error.ts';
import {
  checkGraph,
  definitionId,
  expressionOf,
  type GraphNode,
  hasExpression,
  itemId,
  NODE_LIMIT,
  ready,
} from './graph.ts';
import { graph } from './log.suite.ts';

function refusalOf(nodes: GraphNode[]): { code: string; detail: string | undefined; facts: unknown } | undefined {
  try {
    checkGraph(nodes);
    return undefined;
  } catch (error) {
    if (error instanceof MillraceError) return { code: error.code, detail: error.detail, facts: error.facts };
    throw error;
  }
}

describe('[PRO-5] a graph that cannot be run is refused', () => {
  test('without nodes', () => {
    expect(refusalOf([])).toMatchObject({ code: 'empty_graph' });
  });

  test('with a cycle, which is named in the order in which it would run', () => {
    const { code, detail, facts } = refusalOf(graph('x', 'a<c,x', 'b<a', 'c<b')) ?? {};
    expect(code).toBe('graph_cycle');
    expect(facts).toEqual({ cycle: ['a', 'b', 'c', 'a'] });
    expect(detail).toContain('a → b → c → a');
  });

  test('with a node that needs itself', () => {
    expect(refusalOf(graph('a<a'))).toMatchObject({ code: 'graph_cycle', facts: { cycle: ['a', 'a'] } });
  });

  test('with a cycle through an error handler', () => {
    const nodes = graph({ id: 'a', task: 't', needs: ['h'], onError: 'h' }, 'h');
    expect(refusalOf(nodes)).toMatchObject({ code: 'graph_cycle' });
  });

  test.each<[string, GraphNode[], string]>([
    ['an unknown need', graph('a<ghost'), '"ghost"'],
    ['an id used twice', graph('a', 'a'), 'twice'],
    ['a need named twice', graph('a', 'b<a,a'), 'twice'],
    ['a bad id', graph('a b'), '"a b"'],
    ['an id that JavaScript reserves', graph('constructor'), '"constructor"'],
    ['neither task nor workflow', [{ id: 'a' }], 'task or a workflow'],
    ['both task and workflow', [{ id: 'a', task: 't', workflow: 'w' }], 'only one'],
    ['an onError that names nobody', [{ id: 'a', task: 't', onError: 'ghost' }], '"ghost"'],
    ['an onError that names the node itself', [{ id: 'a', task: 't', onError: 'a' }], 'no other node'],
    ['more nodes than are allowed', graph(...Array.from({ length: NODE_LIMIT + 1 }, (_, n) => `n${n}`)), '10001'],
  ])('with %s', (_what, nodes, part) => {
    const refusal = refusalOf(nodes);
    expect(refusal?.code).toBe('graph_invalid');
    expect(refusal?.detail).toContain(part);
  });

  test('but not one of 10,000 nodes in a chain, forwards or backwards', () => {
    const chain = graph(...Array.from({ length: NODE_LIMIT }, (_, n) => (n === 0 ? 'n0' : `n${n}<n${n - 1}`)));
    expect(refusalOf(chain)).toBeUndefined();
    expect(refusalOf(chain.toReversed())).toBeUndefined();
    const closed = [{ ...(chain[0] as GraphNode), needs: ['n9999'] }, ...chain.slice(1)];
    expect(refusalOf(closed)).toMatchObject({ code: 'graph_cycle' });
  });

  test('but not a diamond', () => {
    expect(refusalOf(graph('a', 'b<a', 'c<a', 'd<b,c'))).toBeUndefined();
  });
});

test.each([
  // join, total, ok, skipped, dead → answer
  ['all', 0, 0, 0, 0, 'run'],
  ['all', 2, 0, 0, 0, 'wait'],
  ['all', 2, 1, 0, 0, 'wait'],
  ['all', 2, 2, 0, 0, 'run'],
  ['all', 2, 1, 1, 0, 'run'],
  ['all', 2, 0, 1, 0, 'wait'],
  ['all', 2, 0, 2, 0, 'skip'],
  ['all', 2, 0, 0, 1, 'skip'],
  ['all', 2, 1, 0, 1, 'skip'],
  ['any', 0, 0, 0, 0, 'run'],
  ['any', 2, 0, 0, 0, 'wait'],
  ['any', 2, 1, 0, 0, 'run'],
  ['any', 2, 1, 0, 1, 'run'],
  ['any', 2, 0, 1, 0, 'wait'],
  ['any', 2, 0, 0, 1, 'wait'],
  ['any', 2, 0, 1, 1, 'skip'],
  ['any', 2, 0, 2, 0, 'skip'],
  ['any', 2, 0, 0, 2, 'skip'],
] as const)(
  '[PRO-6] join %s of %i needs, %i ended well, %i skipped, %i dead: %s',
  (join, total, ok, skipped, dead, answer) => {
    expect(ready(join, { total, ok, skipped, dead })).toBe(answer);
    if (join === 'all') expect(ready(undefined, { total, ok, skipped, dead })).toBe(answer);
  },
);

test('an expression is a whole text between {% and %}', () => {
  expect(expressionOf('{% $.a + 1 %}')).toBe('$.a + 1');
  expect(expressionOf(' {%$sum(\n x)%}\n')).toBe('$sum(\n x)');
  expect(expressionOf('{%%}')).toBe('');
  for (const plain of ['', 'a {% b %}', '{% b', '{ b }', '{% b %} c']) expect(expressionOf(plain)).toBeUndefined();
  expect(hasExpression({ a: [1, { b: '{% x %}' }] })).toBe(true);
  expect(hasExpression({ '{% x %}': [null, true, 'x'] })).toBe(false);
});

test('an item of a forEach knows the node that it comes from', () => {
  expect(itemId('each', 3)).toBe('each[3]');
  expect(definitionId('each[3]')).toBe('each');
  expect(definitionId('each')).toBe('each');
});
