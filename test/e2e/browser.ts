import { type Browser, chromium } from 'playwright-core';
import { inject } from 'vitest';

/** Why browser tests cannot run here; use with `describe.skipIf(noBrowser)`. */
export const noBrowser: string | undefined = inject('chromium').missing;

/** Root needs --no-sandbox; the others keep a closed network quiet. */
const args = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

export function launchBrowser(): Promise<Browser> {
  const { path, missing } = inject('chromium');
  if (!path) throw new Error(`no Chromium: ${missing}`);
  return chromium.launch({ executablePath: path, args });
}
