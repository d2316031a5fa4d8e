// Finds a Chromium for the browser tests. Run as a script it installs one where the system can do that unasked.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { aptInstall, mustHave } from './apt.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const elsewhere = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** The path of a Chromium or Chrome: MILLRACE_CHROMIUM if set, else the first one installed. */
export function findChromium(): string | undefined {
  const chosen = process.env.MILLRACE_CHROMIUM;
  if (chosen) return executable(chosen) ? chosen : undefined;
  const folders = (process.env.PATH ?? '').split(delimiter);
  return [...names.flatMap((name) => folders.map((folder) => join(folder, name))), ...elsewhere].find(executable);
}

/** Why there is no Chromium, or undefined when there is one. */
export function chromiumMissing(): string | undefined {
  if (findChromium()) return undefined;
  const chosen = process.env.MILLRACE_CHROMIUM;
  return chosen ? `MILLRACE_CHROMIUM is not an executable: ${chosen}` : `none of ${names.join(', ')} is installed`;
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main && !findChromium()) {
  console.log('Installing Chromium for the browser tests…');
  const problem = process.env.MILLRACE_CHROMIUM ? undefined : aptInstall('chromium');
  const missing = chromiumMissing();
  if (missing) {
    console.log(`No Chromium: ${missing}${problem ? ` (${problem})` : ''}.`);
    console.log(
      mustHave() ? 'CI needs it.' : 'The browser tests will be skipped. Install it, or set MILLRACE_CHROMIUM.',
    );
    process.exitCode = mustHave() ? 1 : 0;
  }
}
