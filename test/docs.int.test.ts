import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'millrace';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { type Block, Desk, guides, readGuide } from './docs/guide.ts';
import { Terminal } from './docs/terminal.ts';
import { freePort } from './process.ts';

const desk = new Desk();
const cleanup: (() => unknown)[] = [];

afterEach(async () => {
  for (const clean of cleanup.splice(0)) await clean();
});
afterAll(() => desk.clear());

/** What a block says it prints, against what was printed: `…` stands for anything. */
function compare({ lang, text }: Block, printed: string, whole: boolean): void {
  if (lang === 'json') return expect(JSON.parse(printed)).toMatchObject(withGaps(JSON.parse(text)) as object);
  const parts = text.trim().split('…');
  const pattern = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*?');
  expect(printed.trim()).toMatch(new RegExp(whole ? `^${pattern}$` : pattern));
}

function withGaps(value: unknown): unknown {
  if (value === '…') return expect.anything();
  if (Array.isArray(value)) return value.map(withGaps);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withGaps(part)]));
}

describe.each(guides().filter(({ blocks }) => blocks.some(({ mark }) => mark === 'run')))('$path', (guide) => {
  test('[DOC-1] does what it says, block by block, and prints what it shows', async () => {
    const folder = desk.lay(guide);
    const data = mkdtempSync(join(tmpdir(), 'millrace-docs-'));
    const port = String(await freePort());
    const terminal = new Terminal(folder, { PORT: port, MILLRACE_DATA: data });
    cleanup.push(
      () => terminal.end(),
      () => rmSync(data, { recursive: true, force: true, maxRetries: 5 }),
    );
    const here = (text: string) => text.replaceAll('4600', port);
    for (const [at, block] of guide.blocks.entries()) {
      const place = `${guide.path}:${block.line}`;
      const next = guide.blocks[at + 1];
      const shown = next?.mark === 'output' ? { ...next, text: here(next.text) } : undefined;
      if (block.mark === 'run') {
        const { code, out, errors } = await terminal.run(here(block.text));
        expect(code, `${place}\n${out}\n${errors}`).toBe(0);
        if (shown) compare(shown, out, true);
      } else if (block.mark === 'background') {
        const printed = terminal.background(here(block.text));
        if (shown) await vi.waitFor(() => compare(shown, printed(), false), { timeout: 30_000, interval: 50 });
      }
    }
  }, 120_000);
});

test('[DOC-11] every HTTP route stands in http.md, and no other', async () => {
  const server = await createServer({ env: {}, port: 0, store: 'memory', data: desk.folder, logLevel: 'silent' });
  cleanup.push(() => server.close());
  const { paths } = (await (await fetch(`${server.url}/api/openapi.json`)).json()) as { paths: Record<string, object> };
  const plain = (route: string) => route.replace(/\{\w+\}/g, '{}');
  const served = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => method !== 'head')
      .map((method) => plain(`${method.toUpperCase()} ${path}`)),
  );
  const rows = readGuide('docs/http.md').text.matchAll(/^\| (`[A-Z]+ .*?) \|/gm);
  const told = [...rows].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(.*?)`/g)].map(([, route = '']) => plain(route)),
  );
  expect(told.sort()).toEqual(served.sort());
});
