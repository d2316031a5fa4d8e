import { createElement, Fragment, type ReactNode } from 'react';
import { type Block, parseBlocks } from './markdown-blocks.ts';

/**
 * Shows a Markdown text: headings, lists, tables, quotes, code, emphasis and links. HTML in it is shown as the
 * text that it is; a link goes to http, https, mailto or a place on this server, else it is plain text.
 * Headings begin at `h3`, below the page's own.
 */
export function Markdown({ text }: { text: string }): ReactNode {
  return createElement('div', { className: 'mr-markdown' }, ...parseBlocks(text).map(blockElement));
}

function blockElement(block: Block): ReactNode {
  switch (block.type) {
    case 'heading':
      return createElement(`h${Math.min(6, block.level + 2)}`, null, ...inline(block.text));
    case 'paragraph':
      return createElement('p', null, ...inline(block.text));
    case 'code':
      return (
        <pre>
          <code>{block.text}</code>
        </pre>
      );
    case 'quote':
      return createElement('blockquote', null, ...block.blocks.map(blockElement));
    case 'list':
      return createElement(
        block.ordered ? 'ol' : 'ul',
        block.ordered && block.start !== 1 ? { start: block.start } : null,
        ...block.items.map((item) => createElement('li', null, ...itemContent(item))),
      );
    case 'table':
      return (
        <table>
          <thead>{row('th', block.head)}</thead>
          {createElement('tbody', null, ...block.rows.map((cells) => row('td', cells)))}
        </table>
      );
    case 'rule':
      return <hr />;
  }
}

/** A lone paragraph in an item needs no `<p>`, which would set a short list wide apart. */
function itemContent(item: Block[]): ReactNode[] {
  const [first, ...rest] = item;
  if (first?.type !== 'paragraph') return item.map(blockElement);
  return [...inline(first.text), ...rest.map(blockElement)];
}

function row(tag: 'td' | 'th', cells: readonly string[]): ReactNode {
  return createElement('tr', null, ...cells.map((cell) => createElement(tag, null, ...inline(cell))));
}

const INLINE =
  /(`+)([^`](?:.*?[^`])?)\1(?!`)|\*\*(?=\S)(.+?)\*\*|(?<![\w*])[*_](?=\S)([^*_\n]+?)[*_](?![\w*])|!?\[([^\]\n]*)\]\(\s*<?([^\s)>]+)>?[^)\n]*\)|<(https?:\/\/[^\s>]+)>|\\([\\`*_{}[\]()#+.!|<>-])/g;
const NESTING = 4;

function inline(text: string, depth = 0): ReactNode[] {
  const parts: ReactNode[] = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > from) parts.push(text.slice(from, match.index));
    from = match.index + match[0].length;
    parts.push(inlineElement(match, depth));
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}

function inlineElement(match: RegExpMatchArray, depth: number): ReactNode {
  const [whole, , code, strong, emphasis, label, target, address, escaped] = match;
  const inner = (part: string): ReactNode[] => (depth < NESTING ? inline(part, depth + 1) : [part]);
  if (code !== undefined) return <code>{code}</code>;
  if (strong !== undefined) return createElement('strong', null, ...inner(strong));
  if (emphasis !== undefined) return createElement('em', null, ...inner(emphasis));
  if (escaped !== undefined) return escaped;
  if (address !== undefined) return link(address, [address]);
  if (label !== undefined && target !== undefined) return link(target, inner(label));
  return whole;
}

function link(target: string, label: ReactNode[]): ReactNode {
  const href = safeHref(target);
  if (href === undefined) return createElement(Fragment, null, ...label);
  return createElement('a', { href, rel: 'noreferrer noopener', target: '_blank' }, ...label);
}

/** The address where a click may lead, or undefined where it could run a script or is no address. */
export function safeHref(target: string): string | undefined {
  if (target.startsWith('#')) return undefined;
  if (!URL.canParse(target, 'http://here.invalid')) return undefined;
  const { protocol } = new URL(target, 'http://here.invalid');
  return ['http:', 'https:', 'mailto:'].includes(protocol) ? target : undefined;
}
