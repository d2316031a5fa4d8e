import { describe, expect, test } from 'vitest';
import {
  cycles,
  forbiddenUses,
  importViolations,
  interfaceViolations,
  shapeViolations,
  type Workspace,
} from './architecture/check.ts';
import { parseSource } from './architecture/source-file.ts';
import { readWorkspace } from './architecture/workspace.ts';

describe('the repository', () => {
  const workspace = readWorkspace();

  test('imports follow the table', () => {
    expect(importViolations(workspace)).toEqual([]);
  });

  test('interface files import nothing of their implementers', () => {
    expect(interfaceViolations(workspace)).toEqual([]);
  });

  test('no two files import each other at run time, however long the circle', () => {
    expect(cycles(workspace)).toEqual([]);
  });

  test('time, chance, IO and console stay where they belong', () => {
    expect(forbiddenUses(workspace)).toEqual([]);
  });

  test('names say what is inside, there are no barrels, and no file is too long', () => {
    expect(shapeViolations(workspace)).toEqual([]);
  });
});

const server = 'packages/server/src';

/** A small workspace in memory: the packages are real, the files are the test's. */
function planted(files: Record<string, string>): Workspace {
  return {
    files: Object.entries(files).map(([path, text]) => parseSource(path, text)),
    packages: new Map([
      ['@millrace/protocol', pkg('packages/protocol', { '.': './src/index.ts', './*': './src/*.ts' }, ['zod'])],
      ['@millrace/worker', pkg('packages/worker', { '.': './src/index.ts' }, ['@millrace/protocol'])],
      ['@millrace/client', pkg('packages/client', { '.': './src/index.ts', './react': './src/react.ts' }, ['react'])],
      ['@millrace/console', pkg('packages/console', {}, ['@millrace/client', '@millrace/protocol'])],
      ['millrace', pkg('packages/server', { '.': './src/index.ts' }, ['@millrace/protocol', 'better-sqlite3'])],
      ['@millrace/example-start', pkg('examples/start', {}, ['millrace'])],
    ]),
    rootDependencies: ['vitest'],
  };
}

const pkg = (dir: string, exports: Record<string, string>, dependencies: string[]) => ({ dir, exports, dependencies });

describe('the checker allows', () => {
  test.each([
    [`${server}/engine/engine.ts`, `import type { Store } from '../store/store.ts'`],
    [`${server}/engine/engine.ts`, `import { fold } from '@millrace/protocol/fold'`],
    [`${server}/store/store-sqlite.ts`, `import Database from 'better-sqlite3'`],
    [`${server}/server.ts`, `import { SqliteStore } from './store/store-sqlite.ts'`],
    [`${server}/http/runs.ts`, `import { sse } from '../transport/sse.ts'`],
    [`${server}/hub/hub.test.ts`, `import { SqliteStore } from '../store/store-sqlite.ts'`],
    ['packages/protocol/src/catalogue.ts', `import { z } from 'zod'`],
    ['packages/client/src/react/use-run.ts', `import { useState } from 'react'; import { run } from '../run-store.ts'`],
    ['packages/console/src/page.tsx', `import type { RunView } from '@millrace/protocol/view'`],
    ['examples/start/src/main.ts', `import { serve } from 'millrace'; import './ask-docs.ts'`],
    ['test/e2e/browser.ts', `import { findChromium } from '../../scripts/chromium.ts'`],
  ])('%s: %s', (path, text) => {
    expect(importViolations(planted({ [path]: text }))).toEqual([]);
  });
});

describe('the checker catches', () => {
  test.each([
    [
      `${server}/engine/engine.ts`,
      `import '../store/store-sqlite.ts'`,
      'of store, engine may import only its interface',
    ],
    [`${server}/engine/engine.ts`, `import '../hub/hub.ts'`, 'engine may import: engine, protocol, clock'],
    [`${server}/hub/hub.ts`, `import '../engine/engine.ts'`, 'hub may import: hub, protocol, clock'],
    [`${server}/hub/hub.ts`, `const x = await import('../engine/engine.ts')`, 'hub may import'],
    [`${server}/hub/hub.ts`, `new Worker(new URL('../engine/loop.ts', import.meta.url))`, 'hub may import'],
    [`${server}/hub/hub.ts`, `type E = import('../engine/engine.ts').Engine`, 'hub may import'],
    [`${server}/transport/sse.ts`, `export * from '../hub/outbox.ts'`, 'of hub, transport may import only its face'],
    [`${server}/http/runs.ts`, `import '../store/store-sqlite.ts'`, 'of store, http may import only its interface'],
    [`${server}/store/store-memory.ts`, `import '../config.ts'`, 'store may import: store, protocol, clock'],
    [`${server}/cli/tail.ts`, `import '../store/store.ts'`, 'cli may import: cli, protocol, client, config'],
    [`${server}/engine/loop.ts`, `import Database from 'better-sqlite3'`, 'may name better-sqlite3'],
    [`${server}/engine/loop.ts`, `import x from 'lodash'`, 'packages/server/package.json does not declare lodash'],
    [`${server}/engine/loop.ts`, `import '../engine.suite.ts'`, 'a test belongs to the tests'],
    [`${server}/engine/loop.ts`, `import '../index.ts'`, 'inside a package name the file, not the entry'],
    [`${server}/server.ts`, `import '../../protocol/src/fold.ts'`, 'another package is entered by its name'],
    [`${server}/queue/queue.ts`, '', 'belongs to no area'],
    ['packages/protocol/src/fold.ts', `import { z } from 'zod'`, 'may name zod'],
    ['packages/protocol/src/fold.ts', `import x from 'immer'`, 'protocol may use from npm: zod'],
    ['packages/protocol/src/fold.ts', `import fs from 'node:fs'`, `Node's modules do not exist`],
    ['packages/protocol/src/fold.ts', `import '@millrace/worker'`, 'package.json does not declare it'],
    ['packages/worker/src/context.ts', `import '@millrace/worker'`, 'inside a package name the file'],
    ['packages/client/src/api.ts', `import './react/use-run.ts'`, 'client may import: client, protocol'],
    ['packages/client/src/present/status.ts', `import '../api.ts'`, 'present may import: present, protocol'],
    ['packages/client/src/vue/use-run.ts', `import '../react/use-run.ts'`, 'client/vue may import'],
    ['packages/client/src/react/use-run.ts', `import { ref } from 'vue'`, 'client/react may use from npm: react'],
    ['packages/console/src/page.tsx', `import { fold } from '@millrace/protocol/fold'`, 'only types of protocol'],
    ['packages/console/src/page.tsx', `import '@millrace/client/api'`, 'the package does not export it'],
    ['examples/start/src/main.ts', `import '../../../packages/server/src/server.ts'`, 'is entered by its name'],
    ['bench/append.ts', `import '../packages/server/src/store/store.ts'`, 'is entered by its name'],
  ])('%s: %s', (path, text, message) => {
    const found = importViolations(planted({ [path]: text }));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
    expect(found[0]).toContain(path);
  });

  test('what is behind a face.ts', () => {
    const files = {
      [`${server}/engine/face.ts`]: '',
      [`${server}/transport/sse.ts`]: `import '../engine/face.ts'; import '../engine/engine.ts'`,
    };
    expect(importViolations(planted(files))).toEqual([
      `${server}/transport/sse.ts:1 imports ../engine/engine.ts: of engine, transport may import only its face, ${server}/engine/face.ts`,
    ]);
  });

  test('an interface that imports its implementer, by suffix or because that imports it back', () => {
    const files = {
      [`${server}/store/store.ts`]: `export type { Rows } from './store-sqlite.ts'`,
      [`${server}/store/store-sqlite.ts`]: '',
      [`${server}/transport/transport.ts`]: `import type { Sse } from './sse.ts'`,
      [`${server}/transport/sse.ts`]: `import type { Transport } from './transport.ts'`,
    };
    expect(interfaceViolations(planted(files))).toEqual([
      `${server}/store/store.ts is an interface and imports its implementer ${server}/store/store-sqlite.ts`,
      `${server}/transport/transport.ts is an interface and imports its implementer ${server}/transport/sse.ts`,
    ]);
  });

  test('a cycle of files, also through a package; a circle of types alone is none', () => {
    const files = {
      'packages/worker/src/a.ts': `import { b } from './b.ts'`,
      'packages/worker/src/b.ts': `export { c } from './c.ts'`,
      'packages/worker/src/c.ts': `import { type A } from './a.ts'`,
      'packages/worker/src/d.ts': `import type { E } from './e.ts'`,
      'packages/worker/src/e.ts': `import type { D } from './d.ts'`,
    };
    expect(cycles(planted(files))).toEqual([
      'cycle: packages/worker/src/a.ts → packages/worker/src/b.ts → packages/worker/src/c.ts → packages/worker/src/a.ts',
    ]);
  });

  test.each([
    ['packages/protocol/src/fold.ts', 'const at = Date.now()', 'Date.now'],
    ['packages/protocol/src/fold.ts', 'const at = new Date()', 'new Date()'],
    ['packages/protocol/src/fold.ts', 'const at = globalThis.setTimeout(f, 1)', 'setTimeout'],
    ['packages/protocol/src/fold.ts', 'const id = crypto.randomUUID()', 'crypto.randomUUID'],
    ['packages/protocol/src/fold.ts', 'const x = process.env.HOME', 'process.env'],
    [`${server}/engine/loop.ts`, 'class A { f = () => Math.random() }', 'Math.random'],
    [`${server}/engine/loop.ts`, 'schedule(setTimeout)', 'setTimeout'],
    [`${server}/engine/loop.ts`, 'const t = performance.now()', 'performance.now'],
    [`${server}/engine/loop.ts`, `import { setTimeout } from 'node:timers/promises'`, 'node:timers/promises'],
    ['packages/client/src/api.ts', 'console.log(1)', 'console.log'],
  ])('%s: %s', (path, text, name) => {
    const found = forbiddenUses(planted({ [path]: text }));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(name);
  });

  test('but not a clock of the same name, a date of a number, a comment, a string or a type', () => {
    const text = `
      // Date.now() and setTimeout(f) are forbidden
      export function f(clock: Clock, performance: { now(): number }, timer: ReturnType<typeof setTimeout>) {
        clock.setTimeout(() => {}, 5);
        return [clock.now(), performance.now(), new Date(5).toISOString(), 'Date.now()', { setTimeout: 1 }];
      }`;
    expect(forbiddenUses(planted({ [`${server}/engine/loop.ts`]: text }))).toEqual([]);
    const free = { [`${server}/clock.ts`]: 'Date.now()', [`${server}/cli/tail.ts`]: 'setTimeout(f); console.log(1)' };
    expect(forbiddenUses(planted(free))).toEqual([]);
  });

  test('vague names, barrels and long files', () => {
    const long = 'f();\n'.repeat(401);
    const files = {
      'packages/client/src/utils.ts': '',
      'packages/client/src/shared-worker.ts': '',
      'packages/client/src/common/x.ts': '',
      'packages/client/src/connection-manager.ts': '',
      'packages/client/src/present/index.ts': 'export const a = 1',
      'packages/client/src/everything.ts': `export * from './a.ts'`,
      'packages/client/src/react.ts': `export * from './react/use-run.ts'`,
      'packages/client/src/long.ts': long,
      'packages/client/src/reasoned.ts': long,
    };
    const reasons = { 'packages/client/src/reasoned.ts': 'one table', 'packages/client/src/gone.ts': 'was long' };
    expect(shapeViolations(planted(files), reasons)).toEqual([
      'packages/client/src/utils.ts: the name utils.ts does not say what is in it',
      'packages/client/src/common/x.ts: the name common does not say what is in it',
      'packages/client/src/connection-manager.ts: the name connection-manager.ts does not say what is in it',
      'packages/client/src/present/index.ts is a barrel: import from the files themselves',
      'packages/client/src/everything.ts is a barrel: import from the files themselves',
      'packages/client/src/long.ts has 401 lines: split it, or write down why not',
      'packages/client/src/gone.ts needs no reason for its length any more',
    ]);
  });
});
