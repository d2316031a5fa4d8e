import type { BlobRef, Json } from '@millrace/protocol/json';
import type { ReactNode } from 'react';
import { bytesText } from '../../present/amount.ts';
import { scrolling } from './scrolling.ts';

/** characters */
const LIMIT = 20_000;

/** lines; a longer text scrolls in its own box */
const LONG = 14;

/** A JSON value as text; a text as it is; a value that was stored apart as a word about it. */
export function JsonBlock({ value, label }: { value: Json | BlobRef; label?: string }): ReactNode {
  const text = jsonText(value);
  const isLong = text.split('\n', LONG + 1).length > LONG || text.length > 80 * LONG;
  return (
    <div>
      {label !== undefined && <div className="mr-quiet">{label}</div>}
      <pre className={isLong ? 'mr-json mr-json-long' : 'mr-json'} {...(isLong ? scrolling : {})}>
        {text.length > LIMIT ? `${text.slice(0, LIMIT)}\n… ${text.length - LIMIT} more characters` : text}
      </pre>
    </div>
  );
}

export function jsonText(value: Json | BlobRef): string {
  if (typeof value === 'string') return value;
  if (isBlob(value)) return `${bytesText(value.bytes)} of ${value.type}, stored apart as ${value.$blob}`;
  return JSON.stringify(value, null, 2);
}

function isBlob(value: Json | BlobRef): value is BlobRef {
  return typeof value === 'object' && value !== null && '$blob' in value && typeof value.bytes === 'number';
}
