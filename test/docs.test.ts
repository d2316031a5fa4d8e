import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readConfig } from '../packages/server/src/config.ts';
import { Desk, fileOf, guides, pages, readGuide, root } from './docs/guide.ts';

const desk = new Desk();
afterAll(() => desk.clear());

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

test('[DOC-2] every block of code in the README and the guides says how it is tested', () => {
  const known: Record<string, RegExp> = {
    js: /^file=[\w-]+\.mjs$/,
    ts: /^file=[\w-]+\.ts$/,
    tsx: /^file=[\w-]+\.tsx$/,
    sh: /^(run|background|setup)$/,
    json: /^output$/,
    text: /^(output)?$/,
  };
  const unmarked = guides().flatMap(({ path, blocks }) =>
    blocks.filter(({ lang, mark }) => !known[lang]?.test(mark)).map(({ line }) => `${path}:${line}`),
  );
  expect(unmarked).toEqual([]);
  const files = guides().flatMap(({ path, blocks }) => blocks.map((block) => [path, fileOf(block)].join(' ')));
  expect(files.length).toBeGreaterThan(20);
});

test('[DOC-3] all TypeScript of the README and the guides passes the type check as it stands', () => {
  for (const guide of guides()) desk.lay(guide);
  const ours = relative(root, desk.folder);
  const config = { extends: join(root, 'tsconfig.json'), include: ['./**/*.ts', './**/*.tsx'], exclude: [] };
  writeFileSync(join(desk.folder, 'tsconfig.json'), JSON.stringify(config));
  const checked = spawnSync(join(root, 'node_modules/.bin/tsc'), ['--pretty', 'false', '--project', desk.folder], {
    encoding: 'utf8',
  });
  expect(checked.stderr).toBe('');
  // What the packages' own files have to say is the business of `npm run check`.
  expect(checked.stdout.split('\n').filter((line) => line.startsWith(ours))).toEqual([]);
}, 60_000);

test('[DOC-4] every relative link and picture of every page leads to something that is there', () => {
  const broken = pages().flatMap((path) => {
    const text = read(path).replace(/```[\s\S]*?```/g, '');
    const targets = [...text.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = '']) => target);
    return targets
      .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(path, target))
      .map((target) => `${path}: ${target}`);
  });
  expect(broken).toEqual([]);
});

function leadsSomewhere(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? join(root, page) : resolve(root, dirname(page), path);
  if (!existsSync(file)) return false;
  if (anchor === undefined || !file.endsWith('.md')) return true;
  const text = readFileSync(file, 'utf8');
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => slug(title));
  return headings.includes(anchor) || text.includes(`<a id="${anchor}">`);
}

/** As GitHub makes a heading's anchor. */
const slug = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');

test('[DOC-5] operate.md names every setting of the server, with its default, and no other', () => {
  const rows = [...read('docs/guides/operate.md').matchAll(/^\| `([A-Z_]+)` \|(.*?)\|/gm)];
  const documented = new Map(rows.map(([, name = '', value = '']) => [name, value.replaceAll('`', '').trim()]));
  const source = read('packages/server/src/config.ts');
  const names = [...source.matchAll(/\b(?:text|number|words|choice)\('([A-Z_]+)'/g)].map(([, name = '']) => name);
  expect([...documented.keys()].sort()).toEqual([...new Set(names)].sort());

  const { timings, ...config } = readConfig({});
  const defaults: Record<string, unknown> = {
    PORT: config.port,
    MILLRACE_HOST: config.host,
    MILLRACE_DATA: config.data,
    MILLRACE_STORE: config.store,
    CMBAGENT_USE_DATABASE: true,
    MILLRACE_LEASE_MS: timings.lease,
    MILLRACE_RENEW_MS: timings.renew,
    MILLRACE_GRACE_MS: timings.grace,
    MILLRACE_DRAIN_MS: config.drain,
    MILLRACE_BODY_LIMIT: config.bodyLimit,
    MILLRACE_RATE_LIMIT: config.rateLimit,
    MILLRACE_CREATE_RATE: config.createRate,
    MILLRACE_STALE_JOB_MAX_AGE_MINS: config.scheduler.staleJobMaxAgeMins,
    MILLRACE_ACTIVE_JOB_TIMEOUT_MINS: config.scheduler.activeJobTimeoutMins,
    MILLRACE_CHECK_INTERVAL_SECS: config.scheduler.checkIntervalSecs,
    MILLRACE_ENABLE_AUTO_CLEANUP: config.scheduler.enableAutoCleanup,
    MILLRACE_ENABLE_AUTO_RECOVERY: config.scheduler.enableAutoRecovery,
    MILLRACE_RETENTION_COMPLETED_DAYS: config.scheduler.retentionDays.completed,
    MILLRACE_RETENTION_FAILED_DAYS: config.scheduler.retentionDays.failed,
    MILLRACE_RETENTION_CANCELLED_DAYS: config.scheduler.retentionDays.cancelled,
    MILLRACE_INGEST: config.ingest,
    MILLRACE_LOG: config.logLevel,
  };
  for (const [name, value] of documented) expect(value, name).toBe(String(defaults[name] ?? ''));
});

test('[DOC-6] every variable, npm script and command that a page names exists', () => {
  const sources = globSync('{packages/*,examples/*,scripts}/**/*.{ts,tsx,mjs}', {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist)$/.test(path),
  });
  const code = sources.map(read).join('\n');
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  // The commands as the CLI's table registers them.
  const table = /const everything = \{([^}]*)\}/.exec(read('packages/server/src/cli/cli.ts'))?.[1] ?? '';
  const offered = new Set(table.match(/\b[a-z]+\b/g));
  const missing = pages().flatMap((path) => {
    const text = read(path);
    const found = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, name = '']) => name);
    return [
      ...found(/\b(MILLRACE_[A-Z_]+)\b/g).filter((name) => !code.includes(name)),
      ...found(/npm run ([\w:-]+)/g).filter((name) => !scripts[name]),
      ...found(/npx millrace ([a-z]+)/g).filter((name) => !offered.has(name)),
    ].map((name) => `${path}: ${name}`);
  });
  expect(missing).toEqual([]);
});

test('[DOC-7] the README has two set-up commands: one starts it, one tests it', () => {
  const setup = readGuide('README.md').blocks.filter(({ mark }) => mark === 'setup');
  expect(setup.map(({ text }) => text.trim())).toEqual([
    'npm ci --loglevel=error && npm start',
    'npm ci --loglevel=error && npm test',
  ]);
  expect(read('README.md').match(/npm (ci|install)\b/g)).toHaveLength(2);
});

test('[DOC-8] the picture of a run is there and small', () => {
  expect(statSync(join(root, 'docs/images/run.png')).size).toBeLessThan(200 * 1024);
});

test('[DOC-9] every rule that a page names is a rule of SPEC.md', () => {
  const rules = new Set([...read('SPEC.md').matchAll(/^- \*\*([A-Z][A-Z0-9]*-\d+)\*\*/gm)].map(([, id]) => id));
  const unknown = guides().flatMap(({ path, text }) =>
    [...text.matchAll(/\b((?:PRO|STO|ENG|HUB|NET|API|SEC|CLI|WRK|CLT|UI|DEM|E2E|DOC)-\d+)\b/g)]
      .filter(([, id]) => !rules.has(id))
      .map(([, id]) => `${path}: ${id}`),
  );
  expect(unknown).toEqual([]);
});
