import type { TestProject } from 'vitest/node';
import { mustHave } from '../../scripts/apt.ts';
import { chromiumMissing, findChromium } from '../../scripts/chromium.ts';

declare module 'vitest' {
  interface ProvidedContext {
    chromium: { path?: string; missing?: string };
  }
}

export default function setup(project: TestProject): void {
  const path = findChromium();
  const missing = chromiumMissing();
  if (missing && mustHave()) throw new Error(`The browser tests need Chromium: ${missing}`);
  if (missing) console.log(`Browser tests skipped: ${missing}`);
  project.provide('chromium', path ? { path } : { missing: missing ?? 'not found' });
}
