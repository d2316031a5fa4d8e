// Finds a Chromium for the browser tests. Run as a script it installs one where the system can do that unasked.
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

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

/** In CI a test that was skipped is a test that failed. */
export const mustHave = (): boolean => process.env.CI === 'true';

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function install(): string | undefined {
  if (!existsSync('/usr/bin/apt-get')) return 'this system has no apt-get';
  const root = process.getuid?.() === 0;
  if (!root && spawnSync('sudo', ['-n', 'true']).status !== 0) return 'installing it needs root';
  const apt = (...args: string[]) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const command = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', ...args];
    if (!root) command.unshift('sudo', '-n');
    execFileSync(command[0] as string, command.slice(1), { env, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  try {
    apt('update');
    apt('install', '-y', '--no-install-recommends', 'chromium');
    return undefined;
  } catch (error) {
    return `apt-get failed: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`;
  }
}

if (import.meta.main && !findChromium()) {
  console.log('Installing Chromium for the browser tests…');
  const problem = process.env.MILLRACE_CHROMIUM ? undefined : install();
  const missing = chromiumMissing();
  if (missing) {
    console.log(`No Chromium: ${missing}${problem ? ` (${problem})` : ''}.`);
    console.log(
      mustHave() ? 'CI needs it.' : 'The browser tests will be skipped. Install it, or set MILLRACE_CHROMIUM.',
    );
    process.exitCode = mustHave() ? 1 : 0;
  }
}
