import type { GraphNode } from '@millrace/protocol/graph';
import { expect, test } from 'vitest';
import { layoutGraph, NODE_WIDTH } from './graph-layout.ts';

const task = 'x';
const nodes: GraphNode[] = [
  { id: 'a', task },
  { id: 'b', task, needs: ['a'], onError: 'd' },
  { id: 'c', task, needs: ['a', 'gone'], onError: 'skip' },
  { id: 'd', task },
];

test('what needs another node stands behind it, and nothing overlaps', () => {
  const { places, width } = layoutGraph(nodes, 'right');
  const x = (id: string) => places.get(id)!.x;
  expect(x('b')).toBeGreaterThanOrEqual(x('a') + NODE_WIDTH);
  expect(x('c')).toBe(x('b'));
  expect(places.get('c')?.y).not.toBe(places.get('b')?.y);
  expect(width).toBeGreaterThan(2 * NODE_WIDTH);
  const down = layoutGraph(nodes, 'down').places;
  expect(down.get('b')!.y).toBeGreaterThan(down.get('a')!.y);
});

test('edges go from need to dependant and from a node to the one that handles its failure; unknown ones are left out', () => {
  const { edges } = layoutGraph(nodes, 'right');
  const told = edges.map(({ source, target, onError }) => `${source} ${onError ? 'on error' : 'then'} ${target}`);
  expect(told.sort()).toEqual(['a then b', 'a then c', 'b on error d']);
});

test('a need that follows from other needs is not drawn: a chain stays a line', () => {
  const chain = [
    { id: 'a', task },
    { id: 'b', task, needs: ['a'] },
    { id: 'c', task, needs: ['a', 'b'] },
  ];
  const { edges, places } = layoutGraph(chain, 'right');
  expect(edges.map(({ id }) => id)).toEqual(['a→b', 'b→c']);
  expect(new Set([...places.values()].map(({ y }) => y)).size).toBe(1);
});
