/** Events that a server's process makes itself. */
export interface Feed {
  begin?(): Promise<void>;
  /** Makes event `n`; what it answers is waited for. */
  emit(n: number): unknown;
}

/** What a load asks for: `rate` events a second for some seconds, or `events` at once. */
export type FeedRequest = { rate: number; seconds: number } | { events: number };

/** ms between two looks at what is due; whatever has become due in between is made in one turn */
const TICK = 1;

/** Makes events whenever the load asks for some, and answers how many were made. */
export function feedOnRequest({ begin, emit }: Feed): void {
  let begun: Promise<void> | undefined;
  let made = 0;
  const make = async (request: FeedRequest) => {
    begun ??= begin?.();
    await begun;
    const emitNext = () => emit(made++);
    return 'events' in request
      ? Promise.all(Array.from({ length: request.events }, emitNext))
      : steadily(emitNext, request.rate, request.seconds);
  };
  process.on('message', (message) => {
    if (message === 'gauge') return;
    make(message as FeedRequest).then(
      (list) => process.send?.(list.length),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}

async function steadily(emit: () => unknown, rate: number, seconds: number): Promise<unknown[]> {
  const total = Math.round(rate * seconds);
  const began = performance.now();
  const made: unknown[] = [];
  while (made.length < total) {
    await new Promise((resolve) => setTimeout(resolve, TICK));
    const due = Math.min(total, Math.floor(((performance.now() - began) * rate) / 1_000));
    while (made.length < due) made.push(emit());
  }
  return Promise.all(made);
}
