// Builds the web console into packages/console/dist, unless nothing that it is made of has changed.
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { build } from 'vite';

const root = new URL('../', import.meta.url).pathname;
const stamp = 'packages/console/dist.sha256';

const sources = ['package-lock.json', 'tsconfig.json', 'scripts/console-build.ts'].concat(
  ['console', 'client', 'protocol'].flatMap((name) =>
    globSync([`packages/${name}/*.{json,html,ts}`, `packages/${name}/{src,public}/**/*`], { cwd: root }),
  ),
);

function digest(): string {
  const hash = createHash('sha256');
  for (const path of sources.sort()) {
    if (/\.(test|suite)\.tsx?$/.test(path) || !statSync(root + path).isFile()) continue;
    hash
      .update(`${path}\0`)
      .update(readFileSync(root + path))
      .update('\0');
  }
  return hash.digest('hex');
}

const now = digest();
const built = existsSync(`${root}packages/console/dist/index.html`);
if (!built || !existsSync(root + stamp) || readFileSync(root + stamp, 'utf8') !== now) {
  const start = performance.now();
  await build({ root: `${root}packages/console`, logLevel: 'warn' });
  writeFileSync(root + stamp, now);
  console.log(`Console built in ${((performance.now() - start) / 1000).toFixed(1)} s.`);
}
