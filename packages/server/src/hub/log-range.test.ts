import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitEvents } from './log-range.ts';

test('a stretch splits into the very texts that it joins, whatever they hold', () => {
  const nasty = fc.oneof(fc.json(), fc.constantFrom('"', '\\', '\\"', '{', '}', '},{', '\\\\"}'));
  const event = fc.record({ seq: fc.nat(), data: fc.oneof(nasty, fc.dictionary(nasty, fc.jsonValue())) });
  fc.assert(
    fc.property(fc.array(event.map((value) => JSON.stringify(value))), (texts) => {
      expect(splitEvents(texts.join())).toEqual(texts);
    }),
  );
});
