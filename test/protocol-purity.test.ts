import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseSource } from './architecture/source-file.ts';

const folder = new URL('../packages/protocol/src/', import.meta.url).pathname;
const sources = globSync('*.ts', { cwd: folder }).filter((path) => !/\.(test|suite)\.ts$/.test(path));
const isSchema = (path: string) => path === 'catalogue.ts' || path.endsWith('.schema.ts');

/** What a file imports at run time, and what that imports. */
function reach(start: string, seen = new Set<string>()): Set<string> {
  if (seen.has(start)) return seen;
  seen.add(start);
  for (const { specifier, typeOnly } of parseSource(start, readFileSync(folder + start, 'utf8')).imports) {
    if (typeOnly) continue;
    if (specifier.startsWith('.')) reach(posix.join(posix.dirname(start), specifier), seen);
    else seen.add(specifier);
  }
  return seen;
}

describe('[PRO-26] the protocol', () => {
  afterEach(() => vi.unstubAllGlobals());

  test('is loaded without zod, and needs no package at all', () => {
    const reached = [...reach('index.ts')];
    expect(reached).toContain('fold.ts');
    expect(reached.filter((path) => isSchema(path) || !path.endsWith('.ts'))).toEqual([]);
  });

  test('names zod in its schema files only, which nothing else of it imports', () => {
    for (const path of sources.filter((path) => !isSchema(path))) {
      expect(
        [...reach(path)].filter((other) => other === 'zod' || isSchema(other)),
        path,
      ).toEqual([]);
    }
    expect([...reach('catalogue.ts')]).toContain('zod');
  });

  test('reads no clock, throws no dice, sets no timer and does no IO', async () => {
    const forbid = (name: string) => () => {
      throw new Error(`${name} was used`);
    };
    const names = [
      ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch', 'WebSocket', 'XMLHttpRequest'],
      ...['process', 'Buffer', 'document', 'window', 'navigator', 'localStorage'],
    ];
    const lines = readFileSync(new URL('golden/log.jsonl', import.meta.url), 'utf8')
      .trim()
      .split('\n');
    vi.resetModules();
    const modules = await Promise.all(
      sources.filter((path) => !isSchema(path)).map((path) => import(/* @vite-ignore */ folder + path)),
    );
    const all = Object.assign({}, ...modules) as typeof import('@millrace/protocol');
    vi.spyOn(Date, 'now').mockImplementation(forbid('Date.now'));
    vi.spyOn(Math, 'random').mockImplementation(forbid('Math.random'));
    for (const name of names) {
      vi.stubGlobal(name, new Proxy(forbid(name), { get: forbid(name) }));
    }
    let failure: unknown;
    let seq = 0;
    try {
      let view = all.emptyView('r1');
      for (const line of lines) {
        const { event } = JSON.parse(line);
        view = all.fold(view, event, new WeakSet());
        all.redact(event, { name: 'all', hide: all.redactionClasses });
        all.filterKey('r1', { types: [event.type] });
      }
      all.checkGraph([{ id: 'a', task: 't' }]);
      all.summarise(view.control, view.seq, view.at);
      all.toProblem(new all.MillraceError('internal'));
      seq = all.parseCursor(all.formatCursor('e', 3), 'e').seq;
    } catch (error) {
      failure = error;
    } finally {
      vi.restoreAllMocks();
      vi.unstubAllGlobals();
    }
    expect(failure).toBeUndefined();
    expect(seq).toBe(3);
  });
});
