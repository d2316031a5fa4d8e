import { type EventRange, fold, type RunEvent, type RunView, type ServerFrame } from '@millrace/protocol';
import type { Page } from 'playwright-core';

/** What one WebSocket of a page received for one run, judged before any code of ours has looked at it. */
export interface Heard {
  /** the cursor that the page asked from, or the snapshot's seq */
  from: number;
  snapshot?: RunView;
  ranges: EventRange[];
}

/** Records every frame of every WebSocket that the page opens. */
export function recordFrames(page: Page): {
  sockets: ServerFrame[][];
  onFrame(listener: (frame: ServerFrame) => void): void;
} {
  const sockets: ServerFrame[][] = [];
  const listeners: ((frame: ServerFrame) => void)[] = [];
  page.on('websocket', (socket) => {
    const frames: ServerFrame[] = [];
    sockets.push(frames);
    socket.on('framesent', ({ payload }) => {
      for (const frame of parse(payload)) {
        const sent = frame as unknown as { type: string; run?: string; after?: string };
        if (sent.type === 'subscribe')
          frames.push({ type: 'asked', run: sent.run, after: sent.after } as unknown as ServerFrame);
      }
    });
    socket.on('framereceived', ({ payload }) => {
      for (const frame of parse(payload)) {
        frames.push(frame);
        for (const listener of listeners) listener(frame);
      }
    });
  });
  return { sockets, onFrame: (listener) => listeners.push(listener) };
}

function parse(payload: string | Buffer): ServerFrame[] {
  const frames = JSON.parse(payload.toString()) as ServerFrame | ServerFrame[];
  return Array.isArray(frames) ? frames : [frames];
}

/** What the sockets heard of a run, one entry for each subscription, in order. */
export function heard(sockets: ServerFrame[][], run: string): Heard[] {
  const all: Heard[] = [];
  for (const frames of sockets) {
    let current: Heard | undefined;
    for (const frame of frames) {
      const asked = frame as unknown as { type: string; run?: string; after?: string };
      if (asked.type === 'asked' && asked.run === run) {
        current = { from: asked.after === undefined ? 0 : Number(asked.after.split(':')[1]), ranges: [] };
        all.push(current);
      } else if (frame.type === 'snapshot' && frame.run === run && current) {
        current.from = frame.seq;
        current.snapshot = frame.view;
      } else if (frame.type === 'range' && frame.run === run && current) {
        current.ranges.push(frame);
      }
    }
  }
  return all;
}

/** Every seq after the cursor exactly once and in order, with nothing dropped: or a sentence that says what is wrong. */
export function checkExact({ from, ranges }: Heard): string | undefined {
  let cursor = from;
  for (const range of ranges) {
    if (range.seq !== cursor + 1) return `a range began at ${range.seq} behind ${cursor}`;
    const seqs = range.events.map((event) => event.seq);
    const expected = Array.from({ length: range.through - range.seq + 1 }, (_, index) => range.seq + index);
    if (JSON.stringify(seqs) !== JSON.stringify(expected))
      return `a range ${range.seq}–${range.through} held ${seqs.join(',')}`;
    cursor = range.through;
  }
  return undefined;
}

/** The view that frames alone lead to: the first snapshot, then every event behind the cursor. */
export function viewOf(subscriptions: Heard[]): RunView | undefined {
  let view: RunView | undefined;
  for (const { snapshot, ranges } of subscriptions) {
    if (snapshot) view = structuredClone(snapshot);
    for (const event of ranges.flatMap((range) => range.events as RunEvent[])) {
      if (view && event.seq === view.seq + 1) view = fold(view, event);
    }
  }
  return view;
}
