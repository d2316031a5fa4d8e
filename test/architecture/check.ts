import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import type { Import, SourceFile } from './source-file.ts';
import { clockModules, confined, forbidden, interfaces, longFiles, type Row, table } from './table.ts';

export interface Package {
  /** its folder, without a slash at the end */
  dir: string;
  /** `.` or `./react` or `./*` → path of the source from the package's folder */
  exports: Record<string, string>;
  dependencies: string[];
}

export interface Workspace {
  files: SourceFile[];
  packages: Map<string, Package>;
  /** what the root's package.json declares: for tests, scripts and benchmarks */
  rootDependencies: string[];
}

type Target =
  | { kind: 'file'; path: string; relative: boolean }
  | { kind: 'npm'; name: string }
  | { kind: 'node'; name: string }
  | { kind: 'private'; name: string };

export const isSuite = (path: string): boolean => /\.(test|suite|rig)\.tsx?$/.test(path);

const within = (path: string, places: readonly string[]): boolean =>
  places.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place));

export const rowOf = (path: string): Row | undefined => table.find((row) => within(path, row.files));

function packageOf(path: string, { packages }: Workspace): Package | undefined {
  return [...packages.values()].find(({ dir }) => path.startsWith(`${dir}/`));
}

export function resolve(from: string, { specifier }: Import, { packages }: Workspace): Target {
  if (specifier.startsWith('.')) {
    return { kind: 'file', path: posix.join(posix.dirname(from), specifier.replace(/\?.*/, '')), relative: true };
  }
  if (isBuiltin(specifier)) return { kind: 'node', name: specifier };
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const ours = packages.get(name);
  if (!ours) return { kind: 'npm', name };
  const subpath = `.${specifier.slice(name.length)}`;
  const exact = ours.exports[subpath];
  const rest = ours.exports['./*'] && subpath !== '.' ? ours.exports['./*'].replace('*', subpath.slice(2)) : undefined;
  const source = exact ?? rest;
  return source
    ? { kind: 'file', path: posix.join(ours.dir, source), relative: false }
    : { kind: 'private', name: specifier };
}

/** The table itself: areas, packages from npm, Node's modules, and packages entered by their exports only. */
export function importViolations(workspace: Workspace): string[] {
  return workspace.files
    .filter((file) => !isSuite(file.path))
    .flatMap((file) => {
      const row = rowOf(file.path);
      if (!row) return [`${file.path} belongs to no area: give it a row in test/architecture/table.ts`];
      return file.imports.flatMap((one) => {
        const problem = importProblem(file, row, one, workspace);
        return problem ? [`${file.path}:${one.line} imports ${one.specifier}: ${problem}`] : [];
      });
    });
}

function importProblem(file: SourceFile, row: Row, one: Import, workspace: Workspace): string | undefined {
  const target = resolve(file.path, one, workspace);
  const home = packageOf(file.path, workspace);
  switch (target.kind) {
    case 'private':
      return 'the package does not export it';
    case 'node':
      return row.node ? undefined : `${row.area} also runs where Node's modules do not exist`;
    case 'npm': {
      const rule = confined.find(({ npm, within: folder }) => npm === target.name && file.path.startsWith(folder));
      if (rule && !rule.to.test(file.path)) return `only files like ${rule.to} may name ${target.name}`;
      const allowed = row.npm === 'declared' ? (home?.dependencies ?? workspace.rootDependencies) : row.npm;
      if (allowed.includes(target.name)) return undefined;
      return row.npm === 'declared'
        ? `${home ? `${home.dir}/` : ''}package.json does not declare ${target.name}`
        : `${row.area} may use from npm: ${row.npm.join(', ') || 'nothing'}`;
    }
    case 'file':
      return fileProblem(row, one, target, home, workspace);
  }
}

function fileProblem(
  row: Row,
  one: Import,
  target: Extract<Target, { kind: 'file' }>,
  home: Package | undefined,
  workspace: Workspace,
): string | undefined {
  if (row.may === 'anything') return undefined;
  const away = packageOf(target.path, workspace);
  if (isSuite(target.path)) return 'a test belongs to the tests';
  if (away === home) {
    if (home && target.path === `${home.dir}/src/index.ts`) return 'inside a package name the file, not the entry';
    if (home && !target.relative) return 'inside a package name the file';
  } else if (away && target.relative) return 'another package is entered by its name';
  else if (away && home && !home.dependencies.some((name) => workspace.packages.get(name) === away)) {
    return `${home.dir}/package.json does not declare it`;
  }
  const other = rowOf(target.path);
  if (!other || other.area === row.area) return undefined;
  if (row.may === 'public') {
    if (!target.relative || (row.area === 'test' && other.area === 'scripts')) return undefined;
    return `${row.area} may use public exports only`;
  }
  if (row.may.includes(other.area)) return undefined;
  const part = row.may.find((name) => name.startsWith(`${other.area}:`))?.split(':')[1];
  if (part === 'types') return one.typeOnly ? undefined : `${row.area} may import only types of ${other.area}`;
  if (part) {
    const face = faceOf(part, other.area, workspace);
    return target.path === face ? undefined : `of ${other.area}, ${row.area} may import only its ${part}, ${face}`;
  }
  return `${row.area} may import: ${[row.area, ...row.may].join(', ')}`;
}

/** The one file of a folder that others may import: `face.ts` where there is one, else the folder's namesake. */
function faceOf(part: string, area: string, { files }: Workspace): string {
  const folder = table.find((row) => row.area === area)?.files[0] ?? '';
  const face = `${folder}face.ts`;
  return part === 'face' && files.some(({ path }) => path === face) ? face : `${folder}${area}.ts`;
}

/** An interface file imports no `name-suffix.ts` beside it, and nothing of its folder that imports it, even as a type. */
export function interfaceViolations(workspace: Workspace, list: readonly string[] = interfaces): string[] {
  const pathsOf = (file: SourceFile) => targets(file, workspace).map(({ path }) => path);
  return workspace.files
    .filter(({ path }) => list.includes(path))
    .flatMap((file) => {
      const stem = file.path.replace(/\.ts$/, '');
      return pathsOf(file)
        .filter((path) => posix.dirname(path) === posix.dirname(file.path))
        .filter((path) => {
          const other = workspace.files.find((candidate) => candidate.path === path);
          return path.startsWith(`${stem}-`) || (other && pathsOf(other).includes(file.path));
        })
        .map((path) => `${file.path} is an interface and imports its implementer ${path}`);
    });
}

function targets(file: SourceFile, workspace: Workspace): { path: string; one: Import }[] {
  return file.imports.flatMap((one) => {
    const target = resolve(file.path, one, workspace);
    return target.kind === 'file' ? [{ path: target.path, one }] : [];
  });
}

/** Files that import each other in a circle. `import type` does not count: nothing of it is left at run time. */
export function cycles(workspace: Workspace): string[] {
  const files = workspace.files.filter(({ path }) => !isSuite(path));
  const known = new Set(files.map(({ path }) => path));
  const edges = new Map(
    files.map((file) => [
      file.path,
      targets(file, workspace)
        .filter(({ path, one }) => known.has(path) && !one.typeOnly && one.kind !== 'url')
        .map(({ path }) => path),
    ]),
  );
  const found = new Map<string, string>();
  const done = new Set<string>();
  const walk = (path: string, trail: string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      const circle = trail.slice(at);
      found.set([...circle].sort().join(), [...circle, path].join(' → '));
      return;
    }
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const path of known) walk(path, []);
  return [...found.values()].map((circle) => `cycle: ${circle}`);
}

/** Names and modules that only some files may use: time, chance, IO, console. */
export function forbiddenUses(workspace: Workspace): string[] {
  const matches = (name: string, pattern: string): boolean =>
    pattern.endsWith('.*') ? name.split('.')[0] === pattern.slice(0, -2) : name === pattern;
  return workspace.files
    .filter(({ path }) => !isSuite(path))
    .flatMap((file) =>
      forbidden
        .filter((rule) => within(file.path, rule.within) && !within(file.path, rule.except))
        .flatMap((rule) => {
          const uses = file.globals.filter(({ name }) => rule.names.some((pattern) => matches(name, pattern)));
          const doors = rule.names.includes('setTimeout')
            ? file.imports.filter(({ specifier }) => clockModules.test(specifier))
            : [];
          return [
            ...uses.map(({ name, line }) => `${file.path}:${line} uses ${name}: ${rule.what}`),
            ...doors.map(({ specifier, line }) => `${file.path}:${line} imports ${specifier}: ${rule.what}`),
          ];
        }),
    );
}

const vague = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'manager', 'misc', 'shared']);

/** Names that say nothing, barrels, and files that have grown too long. */
export function shapeViolations(workspace: Workspace, reasons: Record<string, string> = longFiles): string[] {
  const entries = new Set(
    [...workspace.packages.values()].flatMap(({ dir, exports }) =>
      Object.values(exports).map((source) => posix.join(dir, source)),
    ),
  );
  const problems = workspace.files.flatMap(({ path, lines, barrel }) => {
    const found: string[] = [];
    const part = path.split('/').find((name) => {
      const stem = name.replace(/\..*/, '').toLowerCase();
      return vague.has(stem.split('-').at(-1) ?? '') || /(Utils?|Helpers?|Manager)$/.test(name.replace(/\..*/, ''));
    });
    if (part) found.push(`${path}: the name ${part} does not say what is in it`);
    const index = /\/index\.tsx?$/.test(path) && path.startsWith('packages/');
    if ((index || (barrel && path.startsWith('packages/'))) && !entries.has(path)) {
      found.push(`${path} is a barrel: import from the files themselves`);
    }
    if (lines > 400 && !reasons[path]) found.push(`${path} has ${lines} lines: split it, or write down why not`);
    return found;
  });
  const stale = Object.keys(reasons).filter((path) => !workspace.files.some((f) => f.path === path && f.lines > 400));
  return [...problems, ...stale.map((path) => `${path} needs no reason for its length any more`)];
}
