// @vitest-environment jsdom
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { Markdown, safeHref } from './markdown.tsx';

afterEach(cleanup);

const html = (text: string) => render(<Markdown text={text} />).container.querySelector('.mr-markdown')?.innerHTML;

test('[UI-5] HTML in a Markdown text is shown as text: no element and no handler comes out of it', () => {
  const { container } = render(
    <Markdown
      text={'# <img src=x onerror=alert(1)>\n\n- <script>alert(1)</script>\n\n`<b>x</b>`\n\n> <iframe src="/">'}
    />,
  );
  expect(container.querySelector('img, script, b, iframe')).toBeNull();
  expect(container.textContent).toContain('<script>alert(1)</script>');
});

test('[UI-5] a link that could run a script is plain text; http, https, mailto and server paths are links', () => {
  render(
    <Markdown text={'[bad](javascript:alert(1)) [worse](data:text/html;base64,AA) [docs](https://example.org/a)'} />,
  );
  expect(screen.getAllByRole('link').map((link) => link.getAttribute('href'))).toEqual(['https://example.org/a']);
  for (const bad of [
    'javascript:x',
    ' JAVASCRIPT:x',
    'java\nscript:x',
    'vbscript:x',
    'data:x',
    'blob:x',
    'file:///x',
  ]) {
    expect(safeHref(bad), bad).toBeUndefined();
  }
  expect(safeHref('/api/files/ab')).toBe('/api/files/ab');
  expect(safeHref('mailto:a@example.org')).toBe('mailto:a@example.org');
});

test('headings, emphasis, code, lists, tables and quotes of a report are shown as such', () => {
  expect(html('## Answer\n\nIt is **bold** and `a*b*c` [1].')).toBe(
    '<h4>Answer</h4><p>It is <strong>bold</strong> and <code>a*b*c</code> [1].</p>',
  );
  cleanup();
  expect(html('1. one\n2. two\n   - *deep*\n\nafter')).toBe(
    '<ol><li>one</li><li>two<ul><li><em>deep</em></li></ul></li></ol><p>after</p>',
  );
  cleanup();
  expect(html('| a | b |\n|---|---|\n| 1 | 2 |\n\n> said\n\n```js\nx < 1\n```\n---')).toBe(
    '<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>' +
      '<blockquote><p>said</p></blockquote><pre><code>x &lt; 1</code></pre><hr>',
  );
});

test('a name with underscores, a lonely star and an unclosed fence stay readable', () => {
  expect(html('snake_case_name and 2 * 3 * 4')).toBe('<p>snake_case_name and 2 * 3 * 4</p>');
  cleanup();
  expect(html('```\nopen')).toBe('<pre><code>open</code></pre>');
});
