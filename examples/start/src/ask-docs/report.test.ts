import { expect, it } from 'vitest';
import { writeReport } from './report.ts';

const passages = [
  { n: 1, file: 'Guides/Mill.md', heading: 'Mill › Wheel', text: 'The wheel turns.\nSlowly.' },
  { n: 2, file: 'notes.txt', heading: '', text: 'Corn is yellow.' },
  { n: 3, file: 'unused.md', heading: 'Nothing', text: 'Not cited.' },
];
const facts = {
  question: 'How does\nit turn?',
  answer: 'Slowly [1], and yellow [2, 1].',
  passages,
  folder: '/docs',
  documents: 3,
  model: 'extractive',
};

it('[DEM-6] the report cites each source once, with its file, heading and words', () => {
  expect(
    writeReport({ ...facts, note: 'It quotes.', approval: { by: 'user:ada', comment: 'Looks\nright' } }),
  ).toBe(`# How does it turn?

Slowly [1], and yellow [2, 1].

## Sources

**[1]** \`Guides/Mill.md\`, Mill › Wheel

> The wheel turns.
> Slowly.

**[2]** \`notes.txt\`

> Corn is yellow.

---

Asked about 3 documents in \`/docs\`.  
Answered by the model \`extractive\`. It quotes.  
Approved by user:ada: Looks right

`);
});

it('the report says so where an answer cites nothing, and does not invent a source for a number', () => {
  const report = writeReport({ ...facts, answer: 'Nobody knows [9].', approval: {} });
  expect(report).toContain('The answer cites nothing.');
  expect(report).toContain('Approved.');
});
