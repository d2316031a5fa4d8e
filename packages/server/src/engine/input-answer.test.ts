import { expect, test } from 'vitest';
import { checkAnswer, schemaOf } from './input-answer.ts';

test('[ENG-70] an answer is held against the JSON Schema it was asked for with, and each fault is named with its place', () => {
  const schema = {
    type: 'object',
    properties: { size: { enum: ['S', 'M'] }, to: { type: 'object', properties: { zip: { type: 'string' } } } },
    required: ['size'],
  };
  expect(checkAnswer(undefined, { anything: 1 })).toEqual([]);
  expect(checkAnswer(schema, { size: 'M', to: { zip: '10115' } })).toEqual([]);
  expect(checkAnswer(schema, { size: 'L', to: { zip: 10115 } })).toMatchObject([{ path: 'size' }, { path: 'to.zip' }]);
  expect(checkAnswer({ type: 'number' }, 'seven')).toMatchObject([{ path: '' }]);
});

test('[ENG-70] equal schemas share one checker, and of the many that were seen the newest are kept', () => {
  const first = schemaOf({ type: 'string' });
  expect(schemaOf({ type: 'string' })).toBe(first);
  for (let n = 0; n < 500; n++) schemaOf({ type: 'string', maxLength: n });
  expect(schemaOf({ type: 'string' })).not.toBe(first);
});
