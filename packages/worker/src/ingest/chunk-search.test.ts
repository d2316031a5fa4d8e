import { expect, test } from 'vitest';
import { searchChunks } from './chunk-search.ts';
import { CHUNK_SIZE, chunksOf } from './chunks.ts';
import type { EmbeddedChunk } from './ingest-workflow.ts';
import { embed } from './local-embedding.ts';
import { readMarkdown, readPlainText } from './markdown.ts';
import { cosine, writeVector } from './vector.ts';

function indexed(file: string, source: string): EmbeddedChunk[] {
  return chunksOf(file, readMarkdown(source)).map((chunk) => ({
    ...chunk,
    vector: writeVector(embed(`${chunk.heading}\n${chunk.text}`)),
  }));
}

test('[KB-18] the same text has the same vector always; texts of the same words are nearer than texts of others', () => {
  const text = 'Runs are chunked and stored in logs.';
  expect(embed(text)).toEqual(embed(text));
  expect(cosine(embed(text), embed(text.toUpperCase()))).toBeCloseTo(1);
  const near = cosine(embed(text), embed('Logs store runs by chunks.'));
  const far = cosine(embed(text), embed('Marmots whistle when eagles circle.'));
  expect(near).toBeGreaterThan(far + 0.2);
  expect(embed('').every((value) => value === 0)).toBe(true);
});

test('[KB-10] rare words of a query count more than common ones, and other forms of a word are found', () => {
  const chunks = [
    ...indexed('a.md', '# A\n\nThe server keeps the log of the run, and the log of the run is kept.\n'),
    ...indexed('b.md', '# B\n\nThe server validates an input.\n'),
    ...indexed('c.md', '# C\n\nThe server sends the log.\n'),
  ];
  expect(searchChunks(chunks, 'server input validation', 5)[0]).toMatchObject({
    id: 'b.md#1',
    file: 'b.md',
    heading: 'B',
  });
  expect(searchChunks(chunks, 'log', 1)).toHaveLength(1);
  expect(searchChunks(chunks, 'xylophone', 5)).toEqual([]);
  expect(searchChunks(chunks, 'servers', 5)).toHaveLength(3);
  expect(searchChunks(chunks, 'logs', 1)).toHaveLength(1);
  expect(searchChunks(indexed('e.md', '# Eagles\n\nThey circle.\n'), 'eagle', 5)).toHaveLength(1);
  expect(searchChunks([], 'log', 5)).toEqual([]);
  expect(searchChunks(chunks, 'log', 1)[0]).not.toHaveProperty('vector');
});

test('[KB-19] a document is cut between sentences into chunks under their headings, none of them too long', () => {
  const sentence = 'A sentence about the weather in the mountains follows another one. ';
  const chunks = chunksOf('w.md', readMarkdown(`# Weather\n\n${sentence.repeat(60)}\n\n## Snow\n\nIt falls.\n`));
  expect(chunks.length).toBeGreaterThan(3);
  expect(chunks.map(({ id }) => id)).toEqual(chunks.map((_, place) => `w.md#${place + 1}`));
  for (const { text } of chunks) {
    expect(text.length).toBeLessThanOrEqual(CHUNK_SIZE);
    expect(text.endsWith('.')).toBe(true);
  }
  expect(chunks.at(-1)).toMatchObject({ heading: 'Weather › Snow', text: 'It falls.' });
  const plain = chunksOf('p.txt', readPlainText('# no heading\n\nSecond.'));
  expect(plain).toMatchObject([{ heading: '', text: expect.stringContaining('# no heading') }]);
});
