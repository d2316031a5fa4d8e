import type { RunEvent } from '@millrace/protocol';
import { paint } from './paint.ts';

/** One event as one line of `millrace tail`: time, seq, where, type, and what matters of its data. */
export function eventLine(event: RunEvent): string {
  const time = new Date(event.at).toISOString().slice(11, 23);
  const place = [event.node, event.step].filter((part) => part !== undefined).join('/');
  const type = paint(styleOf(event.type), event.type);
  return [paint('gray', time), String(event.seq).padStart(5), type, paint('bold', place), gist(event)]
    .filter((part) => part !== '')
    .join('  ');
}

function styleOf(type: string): Parameters<typeof paint>[0] {
  if (/\.failed$|\.lost$|^error$/.test(type)) return 'red';
  if (/\.completed$/.test(type)) return 'green';
  if (/^(approval|input)\./.test(type)) return 'yellow';
  if (type.startsWith('agent.')) return 'magenta';
  return 'cyan';
}

const GIST = 200;

function gist({ type, data }: RunEvent): string {
  const told = data as Record<string, unknown>;
  const error = told.error as { code?: string; message?: string } | undefined;
  const text =
    typeof error === 'object' && error !== null
      ? `${error.code}: ${error.message}`
      : type === 'log'
        ? `${told.level}: ${told.message}`
        : type.startsWith('agent.') && typeof told.text === 'string'
          ? told.text
          : JSON.stringify(data);
  const line = text.replaceAll('\n', ' ⏎ ');
  return line === '{}' ? '' : line.length > GIST ? `${line.slice(0, GIST)}…` : line;
}
