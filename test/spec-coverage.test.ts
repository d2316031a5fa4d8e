import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { titlesOf } from './titles.ts';

const root = new URL('../', import.meta.url).pathname;

/** A rule of SPEC.md is a list item that starts with its id: `- **LOG-3** text`. */
function ruleIds(spec: string): string[] {
  return [...spec.matchAll(/^\s*- \*\*([A-Z][A-Z0-9]*-\d+)\*\*/gm)].map((match) => match[1] as string);
}

/** The ids, `[LOG-3]`, in the titles of a file's tests. */
function titledIds(path: string, source: string): string[] {
  const ids = titlesOf(path, source).flatMap((title) => [...title.matchAll(/\[([A-Z][A-Z0-9]*-\d+)\]/g)]);
  return ids.map((match) => match[1] as string);
}

function coverageProblems(spec: string, tests: Record<string, string>): string[] {
  const rules = ruleIds(spec);
  const titled = Object.entries(tests).flatMap(([path, source]) => titledIds(path, source).map((id) => ({ id, path })));
  const twice = rules.filter((id, at) => rules.indexOf(id) !== at);
  return [
    ...twice.map((id) => `SPEC.md gives ${id} to two rules`),
    ...rules.filter((id) => !titled.some((one) => one.id === id)).map((id) => `no test's title names [${id}]`),
    ...titled
      .filter(({ id }) => !rules.includes(id))
      .map(({ id, path }) => `${path} names [${id}], which SPEC.md lacks`),
  ];
}

test('every rule of SPEC.md is named in the title of a test, and every id in a title is a rule', () => {
  const paths = globSync('{packages/*/src,examples,scripts,test}/**/*.{test,suite}.{ts,tsx}', {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist)$/.test(path),
  });
  const tests = Object.fromEntries(paths.map((path) => [path, readFileSync(root + path, 'utf8')]));
  expect(coverageProblems(readFileSync(`${root}SPEC.md`, 'utf8'), tests)).toEqual([]);
});

describe('the checker', () => {
  const spec = '# Spec\n\nSee **LOG-9**.\n\n- **LOG-1** One.\n- **LOG-2** Two.\n';

  test('accepts titles of tests, of groups and of tables of cases', () => {
    const source = "describe.skipIf(x)('[LOG-1] a', () => {}); test.each([['[LOG-2] b', 1]])('%s', () => {})";
    expect(coverageProblems(spec, { 'a.test.ts': source })).toEqual([]);
  });

  test('finds a rule without a test: a comment, an assertion, a skipped test do not cover it', () => {
    const source =
      "// [LOG-1]\nit('x', () => expect('[LOG-1]').toBe(1)); test.skip('[LOG-1] s', f); test('[LOG-2]', f)";
    expect(coverageProblems(spec, { 'a.test.ts': source })).toEqual(["no test's title names [LOG-1]"]);
  });

  test('finds an id that is no rule, and a rule that exists twice', () => {
    const source = 'it(`[LOG-1] [LOG-2]`, f); it("[LOG-3] c", f)';
    expect(coverageProblems(`${spec}- **LOG-2** Again.\n`, { 'a.test.ts': source })).toEqual([
      'SPEC.md gives LOG-2 to two rules',
      'a.test.ts names [LOG-3], which SPEC.md lacks',
    ]);
  });
});
