// @vitest-environment jsdom
import type { LogLine } from '@millrace/protocol/view';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LogLines } from './log-lines.tsx';

/** px, as a browser would lay the box out */
const HEIGHT = 320;

beforeEach(() => {
  vi.stubGlobal(
    'ResizeObserver',
    class {
      observe() {}
      unobserve() {}
      disconnect() {}
    },
  );
  Element.prototype.scrollTo = function scrollTo(this: Element, options?: ScrollToOptions | number) {
    this.scrollTop = typeof options === 'object' ? (options.top ?? 0) : (options ?? 0);
  } as Element['scrollTo'];
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(HEIGHT);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(HEIGHT);
});

afterEach(() => {
  cleanup();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const line = (seq: number, more: Partial<LogLine> = {}): LogLine => ({
  seq,
  at: seq,
  level: 'info',
  message: `line ${seq}`,
  ...more,
});
const lines = (count: number): LogLine[] => Array.from({ length: count }, (_, at) => line(at + 1));
const still = {
  ...{ hasOlder: false, hasNewer: false, isLoading: false, problem: undefined, showSuperseded: false, total: 0 },
  ...{ loadOlder() {}, loadNewer() {}, toNewest() {} },
};
const follow = () => screen.getByRole<HTMLInputElement>('checkbox', { name: 'Follow' });

test('[UI-9] of 10,000 lines only those near the screen are in the page', () => {
  const { container } = render(<LogLines lines={lines(10_000)} {...still} />);
  expect(screen.getByText('10,000 lines')).toBeTruthy();
  expect(container.querySelectorAll('[data-index]').length).toBeLessThan(100);
});

test('[UI-9] it follows the newest line until the reader scrolls away, and again when asked to', () => {
  render(<LogLines lines={lines(500)} {...still} />);
  const box = screen.getByRole('log');
  Object.defineProperty(box, 'scrollHeight', { value: 11_000 });
  expect(follow().checked).toBe(true);
  box.scrollTop = 2_000;
  fireEvent.scroll(box);
  expect(follow().checked).toBe(false);
  fireEvent.click(follow());
  expect(follow().checked).toBe(true);
});

test('[UI-9] a level leaves out what is below it; nothing left is said so', () => {
  const some = [line(1, { level: 'debug' }), line(2), line(3, { level: 'warning' })];
  render(<LogLines lines={some} {...still} />);
  fireEvent.change(screen.getByLabelText('Level'), { target: { value: 'warning' } });
  expect(screen.getByText('1 line')).toBeTruthy();
  fireEvent.change(screen.getByLabelText('Level'), { target: { value: 'error' } });
  expect(screen.getByText('No line of this level.')).toBeTruthy();
});

test('[UI-5] HTML in a log line is text; the level is a word; superseded lines are left out', () => {
  const some = [line(1, { message: '<img src=x onerror=alert(1)>', level: 'error' }), line(2, { superseded: true })];
  const { container } = render(<LogLines lines={some} {...still} />);
  expect(container.querySelector('img')).toBeNull();
  expect(screen.getByText('<img src=x onerror=alert(1)>')).toBeTruthy();
  expect(screen.getByText('error')).toBeTruthy();
  expect(screen.queryByText('line 2')).toBeNull();
});

describe('[UI-30] scrolling', () => {
  function scroll(props: Partial<typeof still>, top: number) {
    const calls = { loadOlder: vi.fn(), loadNewer: vi.fn(), toNewest: vi.fn() };
    render(<LogLines lines={lines(500)} {...still} {...props} {...calls} total={100_000} />);
    const box = screen.getByRole('log');
    Object.defineProperty(box, 'scrollHeight', { value: 11_000 });
    box.scrollTop = top;
    fireEvent.scroll(box);
    return calls;
  }

  test('to the top reads earlier lines, and in the middle nothing', () => {
    expect(scroll({ hasOlder: true }, 5_000).loadOlder).not.toHaveBeenCalled();
    cleanup();
    const { loadOlder, loadNewer } = scroll({ hasOlder: true, hasNewer: true }, 100);
    expect([loadOlder.mock.calls.length, loadNewer.mock.calls.length]).toEqual([1, 0]);
    expect(screen.getByText('500 of 100,000 lines')).toBeTruthy();
  });

  test('down from the past reads on, without following; a button leads back to the newest', () => {
    const { loadNewer, toNewest } = scroll({ hasOlder: true, hasNewer: true }, 10_680);
    expect(loadNewer).toHaveBeenCalledTimes(1);
    expect(follow().checked).toBe(false);
    fireEvent.click(screen.getByRole('button', { name: 'To the newest lines' }));
    expect(toNewest).toHaveBeenCalledTimes(1);
    expect(follow().checked).toBe(true);
  });

  test('is not the only way: a button reads earlier lines too', () => {
    const { loadOlder } = scroll({ hasOlder: true }, 5_000);
    fireEvent.click(screen.getByRole('button', { name: 'Load earlier lines' }));
    expect(loadOlder).toHaveBeenCalledTimes(1);
  });
});
