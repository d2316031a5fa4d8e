import { expect, test } from 'vitest';
import { sentData } from './server-sent-events.ts';

async function* chunks(...texts: string[]) {
  for (const text of texts) yield new TextEncoder().encode(text);
}

test('the data of events is read across chunks, lines and comments', async () => {
  const data: string[] = [];
  for await (const one of sentData(
    chunks(':\n\nda', 'ta: {"a"', ':1}\n\n: beat\n\nid: 7\ndata: x\r\ndata:y\r\n\r\nda'),
  ))
    data.push(one);
  expect(data).toEqual(['{"a":1}', 'x\ny']);
});
