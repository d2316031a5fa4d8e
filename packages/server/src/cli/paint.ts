import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Colours a text where the output is a terminal and NO_COLOR is not set. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

const statusStyles: Record<string, Style> = {
  created: 'gray',
  running: 'cyan',
  paused: 'yellow',
  completed: 'green',
  failed: 'red',
  cancelled: 'gray',
};

export function paintStatus(status: string): string {
  return paint(statusStyles[status] ?? 'reset', status);
}
