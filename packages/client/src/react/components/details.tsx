import type { Json } from '@millrace/protocol/json';
import type { ReactNode } from 'react';
import { JsonBlock } from './json-block.tsx';
import { Markdown } from './markdown.tsx';

/** What somebody is to read before deciding: a text as Markdown, an object as its named parts, else JSON. */
export function Details({ value }: { value: Json }): ReactNode {
  if (typeof value === 'string') return <Markdown text={value} />;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return <JsonBlock label="Details" value={value} />;
  return (
    <dl className="mr-details">
      {Object.entries(value).map(([name, part]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {typeof part === 'object' && part !== null ? (
              <JsonBlock label="" value={part} />
            ) : (
              <Markdown text={String(part)} />
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
