// Loaded into a server's process before its own code: tells, when it is asked over the process's channel, what the
// process holds after a full collection and the CPU time that it has used.

export interface Gauge {
  /** bytes */
  rss: number;
  /** bytes that are in use: V8's heap, buffers and what else it counts */
  held: number;
  /** µs, user and system, before and after that collection, which is no part of what is measured */
  cpu: { before: number; after: number };
}

const cpuUsed = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

process.on('message', (message) => {
  if (message !== 'gauge') return;
  const before = cpuUsed();
  globalThis.gc?.();
  // What the first collection let go of has its finalisers run by now.
  setImmediate(() => {
    globalThis.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    const cpu = { before, after: cpuUsed() };
    process.send?.({ rss, held: heapUsed + external, cpu } satisfies Gauge);
  });
});
// Listening must not keep the process alive.
process.channel?.unref();
