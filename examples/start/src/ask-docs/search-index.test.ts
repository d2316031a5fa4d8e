import { cosine, readVector, writeVector } from '@millrace/worker/ingest';
import { describe, expect, it } from 'vitest';
import { chunksOf } from './chunks.ts';
import type { Embedder } from './embeddings.ts';
import { buildSearchIndex, fuse } from './search-index.ts';

const documents = {
  'cats.md':
    '# Animals\n\n## Cats\n\nA cat sleeps all day. The quorbliwack is a kind of cat.\n\n## Dogs\n\nA dog barks at cats.',
  'boats.md': '# Boats\n\nSails catch the wind. Anchors hold a boat. Validation of tickets happens on board.',
};
const chunks = Object.entries(documents).flatMap(([file, text]) => chunksOf(file, text));

describe('the search index', () => {
  it('finds the one chunk that holds a rare word, whatever else is asked', async () => {
    const index = await buildSearchIndex(chunks);
    const [first] = await index.search('what is a quorbliwack please?', 3);
    expect(first).toMatchObject({ file: 'cats.md', heading: 'Animals › Cats' });
  });

  it('finds a word by another form of it, and by the heading above', async () => {
    const index = await buildSearchIndex(chunks);
    expect((await index.search('validating', 1))[0]?.file).toBe('boats.md');
    expect((await index.search('dogs', 1))[0]?.heading).toBe('Animals › Dogs');
  });

  it('answers nothing for stop words and for what nobody wrote', async () => {
    const index = await buildSearchIndex(chunks);
    expect(await index.search('is the of', 3)).toEqual([]);
    expect(await index.search('xylophone', 3)).toEqual([]);
  });

  it('[DEM-8] finds by meaning too where an embedder is configured', async () => {
    const meaning: Embedder = {
      name: 'topics',
      embed: async (texts) => texts.map((text) => (/boat|harbour/i.test(text) ? [0.9, 0.1] : [0.1, 0.9])),
    };
    const vectors = await meaning.embed(chunks.map((chunk) => `${chunk.heading} ${chunk.text}`));
    const indexed = chunks.map((chunk, place) => ({ ...chunk, vector: writeVector(vectors[place] ?? []) }));
    expect(await (await buildSearchIndex(indexed)).search('harbour', 1)).toEqual([]);
    const [first] = await (await buildSearchIndex(indexed, meaning)).search('harbour', 1);
    expect(first).toMatchObject({ file: 'boats.md' });
    expect(first).not.toHaveProperty('vector');
  });
});

describe('fuse', () => {
  it('puts what two rankings agree on before what only one puts first', () => {
    expect(
      fuse([
        ['a', 'b', 'c'],
        ['d', 'b'],
      ])[0],
    ).toBe('b');
    expect(fuse([['a', 'b'], []])).toEqual(['a', 'b']);
  });
});

describe('a stored vector', () => {
  it('points where it pointed', () => {
    const vector = Array.from({ length: 64 }, (_, place) => Math.sin(place) / 100);
    expect(cosine(vector, readVector(writeVector(vector)))).toBeGreaterThan(0.999);
    expect(cosine([0, 0], readVector(writeVector([0, 0])))).toBe(0);
    expect(cosine([1, 0], [1, 0, 0])).toBe(0);
  });
});
