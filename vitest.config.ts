import { defaultClientConditions, defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

const source = 'millrace:source';
const tests = '{packages,examples,scripts,test}/**';
const elsewhere = ['**/node_modules/**', '**/dist/**'];

export default defineConfig({
  resolve: { conditions: [source, ...defaultClientConditions] },
  ssr: { resolve: { conditions: [source, ...defaultServerConditions] } },
  test: {
    // Worker threads and child processes of a test get the condition from here.
    execArgv: [`--conditions=${source}`],
    reporters: ['default', './test/reporter.ts'],
    // Most tests wait for processes, sockets and disks more than they compute.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [`${tests}/*.test.{ts,tsx}`],
          exclude: [...elsewhere, '**/*.{int,e2e}.test.{ts,tsx}'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: [`${tests}/*.int.test.{ts,tsx}`],
          exclude: elsewhere,
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.test.ts'],
          exclude: elsewhere,
          globalSetup: ['test/e2e/chromium.setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
