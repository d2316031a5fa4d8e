import type { Json } from '@millrace/protocol/json';
import { createElement, type ReactNode } from 'react';
import { JsonBlock } from './json-block.tsx';
import { Markdown } from './markdown.tsx';

/** What somebody is to read before deciding: a text as Markdown, an object as its named parts, rows as a table. */
export function Details({ value }: { value: Json }): ReactNode {
  if (typeof value !== 'object' || value === null) return <Markdown text={String(value)} />;
  if (Array.isArray(value)) return <List values={value} />;
  return (
    <dl className="mr-details">
      {Object.entries(value).map(([name, part]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <Part value={part} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Part({ value }: { value: Json }): ReactNode {
  if (Array.isArray(value)) return <List values={value} />;
  return typeof value === 'object' && value !== null ? <JsonBlock value={value} /> : <Markdown text={String(value)} />;
}

/** Objects of plain values are rows; anything else is shown as it is. */
function List({ values }: { values: Json[] }): ReactNode {
  const rows = values.map(rowOf);
  if (rows.length === 0 || rows.includes(undefined)) return <JsonBlock value={values} />;
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row ?? {})))];
  const cells = (tag: string, texts: string[]): ReactNode =>
    createElement('tr', null, ...texts.map((text) => createElement(tag, null, text)));
  return (
    <div className="mr-markdown">
      <table>
        <thead>{cells('th', columns)}</thead>
        {createElement(
          'tbody',
          null,
          ...rows.map((row) =>
            cells(
              'td',
              columns.map((name) => String(row?.[name] ?? '')),
            ),
          ),
        )}
      </table>
    </div>
  );
}

function rowOf(value: Json): Record<string, Json> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.values(value).some((part) => typeof part === 'object' && part !== null) ? undefined : value;
}
