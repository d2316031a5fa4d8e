import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../clock.ts';
import { everything } from './store-samples.suite.ts';
import { openSqliteStore } from './store-sqlite.ts';

const here = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);

/** A process that owns a folder and commits without end; it prints the n of each batch once it is acknowledged. */
const committing = (folder: string) => `
  import { systemClock } from ${here('../clock.ts')};
  import { openSqliteStore } from ${here('./store-sqlite.ts')};
  import { append, content, newRun } from ${here('./store-samples.suite.ts')};
  import { writeSync } from 'node:fs';

  const store = openSqliteStore({ folder: ${JSON.stringify(folder)}, clock: systemClock });
  const runs = ['a', 'b', 'c'];
  for (let n = 1; ; n++) {
    const text = content('batch ' + n);
    const parts = runs.map((run) => (n === 1 ? newRun(run) : append(run, { events: [text, text] })));
    await store.commit({ server: 'child', n, at: systemClock.now(), parts });
    writeSync(1, n + '\\n');
  }`;

let folder: string;
let children: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-kill-'));
  children = [];
});

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Starts the child and answers it when it has acknowledged so many batches. */
async function started(batches: number) {
  const child = spawn(
    process.execPath,
    ['--conditions=millrace:source', '--input-type=module', '--eval', committing(folder)],
    { stdio: ['ignore', 'pipe', 'inherit'], cwd: import.meta.dirname },
  );
  children.push(child);
  let acknowledged = 0;
  const lines = createInterface({ input: child.stdout });
  const reached = new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      acknowledged = Number(line);
      if (acknowledged >= batches) resolve();
    });
    lines.on('close', () => reject(new Error('The child ended too early.')));
  });
  await reached;
  return {
    pid: child.pid,
    /** Kills it and answers the last batch that it acknowledged. */
    async kill(): Promise<number> {
      const ended = once(lines, 'close');
      child.kill('SIGKILL');
      await ended;
      return acknowledged;
    },
  };
}

test.each([20, 111, 300])(
  '[STO-69] kill -9 in the midst of commits (after %i) loses no acknowledged batch and leaves no half of one',
  async (batches) => {
    const child = await started(batches);
    const acknowledged = await child.kill();
    const store = openSqliteStore({ folder, clock: systemClock });
    const commits = await store.commitsAfter('child', 0, 1_000_000);
    expect(commits.length).toBeGreaterThanOrEqual(acknowledged);
    expect(commits.map(({ n }) => n)).toEqual(commits.map((_, place) => place + 1));
    for (const run of ['a', 'b', 'c']) {
      const page = await store.readLog({ tenant: 't', run }, 0, everything);
      expect(page?.head).toBe(1 + 2 * (commits.length - 1));
      const events = JSON.parse(`[${page?.text}]`) as { seq: number; data: { message?: string } }[];
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, place) => place + 1));
      expect(events.at(-1)?.data.message).toBe(`batch ${commits.length}`);
    }
    await store.close();
  },
);

test('[STO-70] a folder that a process owns is refused to another, and free as soon as that one is killed', async () => {
  const child = await started(1);
  const open = () => openSqliteStore({ folder, clock: systemClock });
  expect(open).toThrow(expect.objectContaining({ code: 'data_folder_in_use', facts: { folder, pid: child.pid } }));
  expect(open).toThrow(folder);
  await child.kill();
  await open().close();
});
