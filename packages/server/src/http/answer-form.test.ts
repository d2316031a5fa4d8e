import type { Json } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { fieldsOf, readForm, textIn } from './answer-form.ts';
import { html } from './markup.ts';

/** What comes back when a form is sent as it was shown, or with other texts. */
const sent = (schema: Json | undefined, fallback?: Json, texts: Record<string, string> = {}): Json => {
  const fields = fieldsOf(schema, fallback);
  return readForm(fields, Object.fromEntries(fields.map((field) => [field.name, texts[field.name] ?? textIn(field)])));
};

test.each<[string, Json, Json]>([
  ['a text', { type: 'string' }, 'two\nlines'],
  ['a number', { type: 'integer' }, 7],
  ['yes or no', { type: 'boolean' }, false],
  ['one of several', { enum: ['a', 1, null] }, null],
  ['a list', { type: 'array', items: { type: 'string' } }, ['a', 'b']],
  ['what no schema describes', {}, { any: { thing: true } }],
  ['an object', { type: 'object', properties: { a: { type: 'string' }, b: { type: 'boolean' } } }, { a: 'x', b: true }],
  ['an object with a nested one', { type: 'object', properties: { a: { type: 'object' } } }, { a: { b: [1] } }],
])('[SEC-22] a form that is sent as it was shown gives the default: %s', (_what, schema, value) => {
  expect(sent(schema, value)).toEqual(value);
});

test('[SEC-22] what is optional and left empty is left out; a required text may be empty', () => {
  const schema = {
    type: 'object',
    required: ['a'],
    properties: { a: { type: 'string' }, b: { type: 'string' }, c: {} },
  };
  expect(sent(schema)).toEqual({ a: '' });
});

test('[SEC-22] what is no number and no JSON is named by its control', () => {
  expect(() => sent({ type: 'object', properties: { age: { type: 'number' } } }, undefined, { f0: 'old' })).toThrow(
    'age is not a number.',
  );
  expect(() => sent(undefined, undefined, { f0: '{' })).toThrow(/^Answer is not JSON/);
});

test('[SEC-22] texts that are put into a page are texts, wherever they stand', () => {
  const evil = `"><script>alert('&')</script>`;
  expect(html`<p title="${evil}">${[html`${evil}`]}</p>`.text).not.toMatch(/[<>"'](script|\/script|alert)/);
  expect(html`${'<&>"\''}`.text).toBe('&#60;&#38;&#62;&#34;&#39;');
});
