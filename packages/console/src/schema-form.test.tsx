// @vitest-environment jsdom
import { JsonField } from '@millrace/client/react';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import SchemaForm from './schema-form.tsx';

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
});

const schema = {
  type: 'object',
  required: ['question'],
  properties: {
    question: { type: 'string', title: 'Question', description: 'What you want to know.' },
    limit: { type: 'integer' },
    mode: { enum: ['fast', 'thorough'] },
  },
};

const plain = { issues: [], isDisabled: false };

test('[UI-14] the form has a field for each part of the input, filled in with the example', async () => {
  const onChange = vi.fn();
  render(<SchemaForm {...plain} schema={schema} value={{ question: 'Why?', limit: 3 }} onChange={onChange} />);
  const question = screen.getByLabelText<HTMLInputElement>(/^Question/);
  expect(question.value).toBe('Why?');
  expect(screen.getByText('What you want to know.')).toBeTruthy();
  expect(screen.getByLabelText('Mode')).toBeTruthy();
  fireEvent.change(question, { target: { value: 'How?' } });
  await vi.waitFor(() => expect(onChange).toHaveBeenLastCalledWith({ question: 'How?', limit: 3 }));
});

test('[UI-14] building the form compiles no code: it works where eval is forbidden', () => {
  const compile = vi.fn();
  vi.stubGlobal('Function', compile);
  render(<SchemaForm {...plain} schema={schema} value={{}} onChange={() => {}} />);
  vi.unstubAllGlobals();
  expect(compile).not.toHaveBeenCalled();
});

test('[UI-14] what is no JSON cannot be sent, and says why', () => {
  const onChange = vi.fn();
  render(<JsonField label="Input (JSON)" help="Any JSON." initial={{ a: 1 }} onChange={onChange} />);
  const field = screen.getByLabelText<HTMLTextAreaElement>(/Input/);
  fireEvent.change(field, { target: { value: '{' } });
  expect(onChange).toHaveBeenLastCalledWith(undefined);
  expect(screen.getByText(/^Not JSON yet/)).toBeTruthy();
  fireEvent.change(field, { target: { value: '{"a":2}' } });
  expect(onChange).toHaveBeenLastCalledWith({ a: 2 });
});

test('[UI-23] what the server found wrong stands at its field', () => {
  const issues = [{ path: 'limit', message: 'Too big: expected at most 9' }];
  render(<SchemaForm schema={schema} value={{ limit: 10 }} issues={issues} isDisabled={false} onChange={() => {}} />);
  const field = screen.getByLabelText(/^Limit/).closest('.control');
  expect(field?.textContent).toContain('Too big: expected at most 9');
});

test('[UI-23] a value that is no object has one field, with its issue', async () => {
  const onChange = vi.fn();
  const issues = [{ path: '', message: 'Too short' }];
  const asked = { type: 'string', title: 'City' };
  render(<SchemaForm schema={asked} value="Rome" issues={issues} isDisabled={false} onChange={onChange} />);
  const field = screen.getByLabelText<HTMLInputElement>(/^City/);
  expect([field.value, field.closest('.control')?.textContent]).toEqual(['Rome', expect.stringContaining('Too short')]);
  fireEvent.change(field, { target: { value: 'Oslo' } });
  await vi.waitFor(() => expect(onChange).toHaveBeenLastCalledWith('Oslo'));
});
