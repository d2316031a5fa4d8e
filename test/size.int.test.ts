import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errors } from '@millrace/protocol';
import preset from '@size-limit/preset-small-lib';
import sizeLimit from 'size-limit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

type Page = 'core' | 'hooks' | 'everything';
const pages: Page[] = ['core', 'hooks', 'everything'];

/** What a page downloads before it shows anything, in bytes behind gzip: code that is fetched later stands in chunks of its own. */
let size: Record<Page, number>;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-size-'));
  const checks = pages.map((page) => ({
    files: [new URL(`size/${page}.ts`, import.meta.url).pathname],
    entry: [page],
    gzip: true,
    ignore: ['react'],
    modifyRolldownConfig: (config: object) => ({
      ...config,
      platform: 'browser',
      // As apps are built: nobody imports from a page.
      preserveEntrySignatures: false,
      resolve: { conditionNames: ['millrace:source', 'browser', 'import', 'default'] },
    }),
  }));
  const results = await sizeLimit(preset, { checks, saveBundle: folder });
  size = Object.fromEntries(pages.map((page, at) => [page, (results as { size: number }[])[at]?.size])) as typeof size;
  console.log(
    `core ${size.core} B, hooks +${size.hooks - size.core} B, all components +${size.everything - size.core} B`,
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('[CLT-85] in a browser, behind gzip', () => {
  test('the core, with runs, lists and commands, is at most 15 kB', () => {
    expect(size.core).toBeGreaterThan(5_000);
    expect(size.core).toBeLessThanOrEqual(15_000);
  });

  test('the provider and the hooks of React are at most 6 kB more', () => {
    expect(size.hooks).toBeGreaterThan(size.core);
    expect(size.hooks - size.core).toBeLessThanOrEqual(6_000);
  });

  test('a page that shows every component there is downloads at most 13 kB more', () => {
    expect(size.everything).toBeGreaterThan(size.hooks);
    expect(size.everything - size.core).toBeLessThanOrEqual(13_000);
  });

  test('no page loads the schemas, nor the words that come with the answers of the server', async () => {
    const chunks = await readdir(folder, { recursive: true });
    const code = (await Promise.all(chunks.map((name) => readFile(join(folder, name), 'utf8')))).join('\n');
    expect(code).toContain('millrace.v1');
    expect(code).not.toContain(errors.storage_full.fix);
    expect(code).not.toMatch(/zod/i);
  });
});
