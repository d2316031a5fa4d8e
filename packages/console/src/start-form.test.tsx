// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { JsonField } from './json-field.tsx';
import StartForm from './start-form.tsx';

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

test('[UI-14] the form has a field for each part of the input, filled in with the example', async () => {
  const onChange = vi.fn();
  render(<StartForm schema={schema} value={{ question: 'Why?', limit: 3 }} onChange={onChange} />);
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
  render(<StartForm schema={schema} value={{}} onChange={() => {}} />);
  vi.unstubAllGlobals();
  expect(compile).not.toHaveBeenCalled();
});

test('[UI-14] what is no JSON cannot be sent, and says why', () => {
  const onChange = vi.fn();
  render(<JsonField initial={{ a: 1 }} onChange={onChange} />);
  const field = screen.getByLabelText<HTMLTextAreaElement>(/Input/);
  fireEvent.change(field, { target: { value: '{' } });
  expect(onChange).toHaveBeenLastCalledWith(undefined);
  expect(screen.getByText(/^Not JSON yet/)).toBeTruthy();
  fireEvent.change(field, { target: { value: '{"a":2}' } });
  expect(onChange).toHaveBeenLastCalledWith({ a: 2 });
});
