// @vitest-environment jsdom
import { MillraceError } from '@millrace/protocol/error';
import type { EventData } from '@millrace/protocol/event';
import type { Json } from '@millrace/protocol/json';
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { InputCard, type InputFormProps } from './input-card.tsx';
import { documentsLog, START } from './sample-log.suite.ts';

afterEach(cleanup);

const timeText = (at: number) => new Date(at).toISOString().slice(11, 16);
const asked = (more: Partial<EventData['input.requested']> = {}) =>
  documentsLog().add('input.requested', { inputId: 'city', prompt: 'Which city?', ...more }, { node: 'index' });

function show(log = asked(), form?: (props: InputFormProps) => React.ReactNode) {
  const onProvide = vi.fn<(value: Json) => Promise<unknown>>(async () => undefined);
  const wait = log.view().control.waits.city!;
  return { ...render(<InputCard wait={wait} onProvide={onProvide} timeText={timeText} form={form} />), onProvide };
}

const send = () => act(async () => fireEvent.click(screen.getByRole('button', { name: 'Send' })));

test('[UI-23] an input says what is asked, until when, and starts with its default', async () => {
  const { onProvide } = show(asked({ default: { city: 'Rome' }, timeoutAt: START + 600_000 }));
  const card = screen.getByRole('region', { name: 'Which city?' });
  expect(card.textContent).toContain('answer by 09:10; after that its default is taken');
  await send();
  expect(onProvide.mock.calls).toEqual([[{ city: 'Rome' }]]);
  expect(screen.getByRole('status').textContent).toBe('Sent.');
  expect(screen.getByRole<HTMLButtonElement>('button').disabled).toBe(true);
});

test('[UI-23] without a schema any JSON is taken, and nothing else can be sent', async () => {
  const { onProvide } = show();
  const field = screen.getByLabelText<HTMLTextAreaElement>(/^Answer/);
  for (const text of ['', '{']) {
    fireEvent.change(field, { target: { value: text } });
    expect(screen.getByRole<HTMLButtonElement>('button').disabled, text).toBe(true);
  }
  fireEvent.change(field, { target: { value: '"Oslo"' } });
  await send();
  expect(onProvide.mock.calls).toEqual([['Oslo']]);
});

test('[UI-23] what does not fit is said at its field, the rest above the form, and the answer is kept', async () => {
  const schema = {
    type: 'object',
    required: ['open'],
    properties: { city: { type: 'string' }, open: { type: 'boolean' } },
  };
  const form = ({ value, issues, onChange }: InputFormProps) => (
    <label>
      City <input onChange={({ target }) => onChange({ city: target.value, open: false })} />
      <output>{JSON.stringify({ value, issues })}</output>
    </label>
  );
  const { onProvide, container } = show(asked({ schema }), form);
  expect(container.querySelector('output')?.textContent).toContain('"value":{"open":false}');
  const field = { path: 'city', message: 'Too short' };
  const issues = [field, { path: 'zip', message: 'Unknown' }];
  onProvide.mockRejectedValueOnce(new MillraceError('input_invalid', { detail: 'no', facts: { issues } }));
  fireEvent.change(screen.getByLabelText(/^City/), { target: { value: 'X' } });
  await send();
  expect(screen.getByRole('alert').textContent).toBe('The answer does not fit what was asked for.zip: Unknown');
  const told = JSON.parse(container.querySelector('output')?.textContent ?? '');
  expect(told).toEqual({ value: { city: 'X', open: false }, issues: [field] });
  await send();
  expect(onProvide).toHaveBeenCalledTimes(2);
  expect(screen.queryByRole('alert')).toBeNull();
});

test('[UI-23] any other refusal is shown as it is', async () => {
  const { onProvide } = show(asked({ default: 1 }));
  onProvide.mockRejectedValueOnce(new Error('Somebody has already answered this.'));
  await send();
  expect(screen.getByRole('alert').textContent).toBe('It was not taken: Somebody has already answered this.');
});

test('[UI-23] one that has ended says who gave what, or that nobody did', () => {
  show(asked().add('input.provided', { inputId: 'city', value: { city: 'Oslo' } }, { node: 'index', by: 'user:ann' }));
  expect(screen.getByText(/^Given by ann, 09:00$/)).toBeTruthy();
  expect([screen.getByText('Oslo').tagName, screen.queryByRole('button')]).toEqual([expect.any(String), null]);
  cleanup();
  show(asked({ default: 1 }).add('input.timed_out', { inputId: 'city', value: 1 }, { node: 'index', by: 'system' }));
  expect(screen.getByText(/^Nobody answered in time; its default was taken, 09:00$/)).toBeTruthy();
});
