import { existsSync, globSync, readFileSync } from 'node:fs';
import type { Package, Workspace } from './check.ts';
import { parseSource } from './source-file.ts';

interface Manifest {
  name: string;
  private?: boolean;
  exports?: Record<string, string | Record<string, string>>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

const root = new URL('../../', import.meta.url).pathname;
const manifest = (dir: string): Manifest => JSON.parse(readFileSync(`${root}${dir}package.json`, 'utf8'));

/** Every TypeScript file of the repository, parsed, and what each package exports and declares. */
export function readWorkspace(): Workspace {
  const folders = '{packages/*/src,examples,bench,scripts,test}';
  const paths = globSync(`${folders}/**/*.{ts,tsx}`, {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist|peers)$/.test(path),
  });
  const packages = globSync('{packages,examples}/*', { cwd: root })
    .filter((dir) => existsSync(`${root}${dir}/package.json`))
    .map((dir): [string, Package] => {
      const { name, exports = {}, ...found } = manifest(`${dir}/`);
      const sources = Object.entries(exports).flatMap(([subpath, target]) => {
        const source = typeof target === 'string' ? target : target['millrace:source'];
        return source ? [[subpath, source]] : [];
      });
      const dependencies = { ...found.dependencies, ...found.peerDependencies };
      return [name, { dir, exports: Object.fromEntries(sources), dependencies: Object.keys(dependencies) }];
    });
  return {
    files: paths
      .filter((path) => !path.endsWith('.config.ts'))
      .sort()
      .map((path) => parseSource(path, readFileSync(root + path, 'utf8'))),
    packages: new Map(packages),
    rootDependencies: Object.keys(manifest('').devDependencies ?? {}),
  };
}
