// Installs packages of Debian's where the system can do that unasked.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Why the packages could not be installed, or undefined when they were. */
export function aptInstall(...packages: string[]): string | undefined {
  if (!existsSync('/usr/bin/apt-get')) return 'this system has no apt-get';
  const root = process.getuid?.() === 0;
  if (!root && spawnSync('sudo', ['-n', 'true']).status !== 0) return 'installing it needs root';
  const apt = (...args: string[]) => {
    const command = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', ...args];
    if (!root) command.unshift('sudo', '-n');
    execFileSync(command[0] as string, command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  try {
    apt('update');
    apt('install', '-y', '--no-install-recommends', ...packages);
    return undefined;
  } catch (error) {
    return `apt-get failed: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`;
  }
}

/** In CI a test that was skipped is a test that failed. */
export const mustHave = (): boolean => process.env.CI === 'true';
