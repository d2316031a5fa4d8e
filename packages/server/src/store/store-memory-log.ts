import type { LogPage, PageLimit } from './store.ts';

export interface MemoryLog {
  /** the event of seq N at place N - 1 */
  events: { control: boolean; text: string }[];
  ctl: number;
  at: number;
  ended: boolean;
}

export function logPage(log: MemoryLog, after: number, limit: PageLimit): LogPage {
  const events = take(log.events.slice(after), limit);
  return pageOf(log, after, after + events.length, events);
}

export function controlPage(log: MemoryLog, after: number, limit: PageLimit): LogPage {
  const all = log.events.map((event, place) => ({ ...event, seq: place + 1 }));
  const left = all.filter((event) => event.control && event.seq > after);
  const events = take(left, limit);
  const through = events.length < left.length ? (events.at(-1)?.seq ?? after) : Math.max(log.events.length, after);
  return pageOf(log, after, through, events);
}

/** The first events that fit into a page: at least one, if there is one. */
function take<E extends { text: string }>(events: E[], { events: most, bytes }: PageLimit): E[] {
  const fitting: E[] = [];
  let size = 0;
  for (const event of events) {
    size += Buffer.byteLength(event.text) + (fitting.length > 0 ? 1 : 0);
    if (fitting.length > 0 && (fitting.length >= most || size > bytes)) break;
    fitting.push(event);
  }
  return fitting;
}

function pageOf(log: MemoryLog, after: number, through: number, events: { text: string }[]): LogPage {
  const { ctl, at, ended } = log;
  const text = events.map((event) => event.text).join(',');
  return { seq: after + 1, through, text, count: events.length, head: log.events.length, ctl, at, ended };
}
