import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { SimulatedClock } from './clock.ts';
import { createServer } from './server.ts';

test('[CLU-26] a stop that does not come to its end is given up after 25 seconds', async () => {
  const data = await mkdtemp(join(tmpdir(), 'millrace-stop-'));
  const clock = new SimulatedClock();
  const handlers = new Map<unknown, () => void>();
  const on = vi.spyOn(process, 'on').mockImplementation((name, handler) => {
    handlers.set(name, handler as () => void);
    return process;
  });
  const server = await createServer({
    env: {},
    port: 0,
    data,
    store: 'memory',
    logLevel: 'silent',
    clock,
    signals: true,
  });
  on.mockRestore();
  const exit = vi.spyOn(process, 'exit').mockImplementation((() => undefined) as unknown as typeof process.exit);
  const held = Promise.withResolvers<void>();
  onTestFinished(async () => {
    held.resolve();
    await vi.waitFor(() => {
      clock.advance(1_000);
      expect(exit).toHaveBeenCalledWith(0);
    });
    exit.mockRestore();
    await rm(data, { recursive: true, force: true });
  });
  server.onClose(() => held.promise);
  handlers.get('SIGTERM')?.();
  clock.advance(24_999);
  expect(exit).not.toHaveBeenCalled();
  clock.advance(1);
  expect(exit).toHaveBeenCalledWith(1);
});
