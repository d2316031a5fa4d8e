import { CHUNK_SIZE, SENTENCE_LIMIT } from '@millrace/worker/ingest';
import { describe, expect, it } from 'vitest';
import { chunksOf } from './chunks.ts';

describe('chunksOf', () => {
  it('[DEM-2] names the headings that a chunk stands under, and never lets it reach over one', () => {
    const chunks = chunksOf(
      'guide.md',
      '# Guide\n\nFirst words.\n\n## Setup\n\nInstall it.\n\nUse\n---\n\nCall it.\n\n# End\n\nBye now.\n',
    );
    expect(chunks.map(({ heading, text }) => [heading, text])).toEqual([
      ['Guide', 'First words.'],
      ['Guide › Setup', 'Install it.'],
      ['Guide › Use', 'Call it.'],
      ['End', 'Bye now.'],
    ]);
    expect(chunks.map((chunk) => chunk.id)).toEqual(['guide.md#1', 'guide.md#2', 'guide.md#3', 'guide.md#4']);
  });

  it('[DEM-2] cuts between sentences only, and a stop inside of a word or of code ends none', () => {
    const sentence = (n: number) =>
      `Sentence ${n} reads \`request.body. Then\` and calls reply.send() in version 5.12 of it, e.g. in tests.`;
    const sentences = Array.from({ length: 40 }, (_, n) => sentence(n));
    const chunks = chunksOf('long.md', sentences.join(' '));
    expect(chunks.length).toBeGreaterThan(3);
    for (const { text } of chunks) {
      expect(text.length).toBeLessThanOrEqual(CHUNK_SIZE);
      expect(text).toMatch(/^Sentence \d+ .* in tests\.$/);
    }
    expect(chunks.map((chunk) => chunk.text).join(' ')).toBe(sentences.join(' '));
  });

  it('reads what a person sees: no front matter, links by their text, no tags, tables without rules', () => {
    const text = [
      '---\ntitle: x\n---',
      '<h1 align="center">Page</h1>\n<a id="top"></a>',
      'See [the `body` docs](./Body.md#top) and **really** [this][1] <br/>now.\n[1]: https://example.com "Title"',
      '| Name | Means |\n|------|-------|\n| a_b_c | two |',
      '> Note: quoted words stay.\n> ```js\n> run();\n> ```',
    ].join('\n\n');
    expect(chunksOf('page.md', text)).toEqual([
      {
        id: 'page.md#1',
        file: 'page.md',
        heading: 'Page',
        text: 'See the `body` docs and really this now.\nName Means\na_b_c two\nNote: quoted words stay.\n```\nrun();\n```',
      },
    ]);
  });

  it('keeps the lines of code, and does not take what stands in it for headings', () => {
    const [chunk, ...others] = chunksOf('code.md', '# A\n\n~~~sh\n# not a heading\n  npm start\n~~~\n');
    expect(others).toEqual([]);
    expect(chunk).toMatchObject({ heading: 'A', text: '```\n# not a heading\n  npm start\n```' });
  });

  it('takes a .txt file as it is, without headings', () => {
    expect(chunksOf('notes.txt', '# no heading\r\n\r\nSecond one.')).toMatchObject([
      { heading: '', text: '# no heading\nSecond one.' },
    ]);
  });

  it('cuts a sentence that never ends', () => {
    const chunks = chunksOf('endless.txt', 'word '.repeat(5_000));
    expect(chunks.every((chunk) => chunk.text.length <= SENTENCE_LIMIT)).toBe(true);
    expect(chunks.map((chunk) => chunk.text).join(' ')).toBe('word '.repeat(5_000).trim());
  });

  it('makes nothing of nothing', () => {
    expect(chunksOf('empty.md', '')).toEqual([]);
    expect(chunksOf('empty.txt', ' \n\n ')).toEqual([]);
    expect(chunksOf('headings.md', '# One\n## Two\n')).toEqual([]);
  });
});
