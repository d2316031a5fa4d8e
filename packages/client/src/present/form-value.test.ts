import { MillraceError } from '@millrace/protocol/error';
import { expect, test } from 'vitest';
import { fieldAt, initialValue, issuesOf } from './form-value.ts';

const schema = {
  type: 'object',
  required: ['place', 'sure'],
  properties: {
    name: { type: 'string' },
    limit: { type: 'integer', default: 3 },
    sure: { type: 'boolean' },
    place: { type: 'object', properties: { city: { type: 'string', default: 'Rome' } } },
    other: { type: 'object', properties: { a: { type: 'string', default: 'x' } } },
  },
};

test('[CLT-40] a form begins with the defaults, unticked boxes as false, and without optional objects', () => {
  expect(initialValue(schema)).toEqual({ limit: 3, sure: false, place: { city: 'Rome' } });
  expect([initialValue({ type: 'boolean' }), initialValue({ type: 'string' }), initialValue(undefined)]).toEqual([
    false,
    undefined,
    undefined,
  ]);
});

test('[CLT-40] an issue belongs to a field where the schema has one at its path', () => {
  const has = ['name', 'place.city', 'place', 'nope', ''].map((path) => fieldAt(schema, path) !== undefined);
  expect(has).toEqual([true, true, false, false, false]);
  expect(fieldAt({ type: 'string' }, '')).toEqual({ type: 'string' });
  const facts = { issues: [{ path: 'a', message: 'b' }, null, { path: 1 }] };
  expect(issuesOf(new MillraceError('input_invalid', { facts }))).toEqual([{ path: 'a', message: 'b' }]);
  expect(issuesOf(new Error('other'))).toEqual([]);
});
