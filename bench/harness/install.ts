import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Installs a peer's packages, in its own folder, where they are not what its lockfile says. Fails where it cannot. */
export function installPeer(name: string): void {
  installLocked(`The peer ${name}`, new URL(`../peers/${name}/`, import.meta.url));
}

/** Installs what a folder's own lockfile says, where it is not there yet. Fails where it cannot. */
export function installLocked(what: string, place: URL): void {
  const folder = fileURLToPath(place);
  if (isInstalled(folder)) return;
  console.log(`${what} is being installed…`);
  // Otherwise npm would take the root's own run for the one to work on.
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('npm_')));
  install(what, 'npm', ['ci', '--loglevel=error', '--no-audit', '--no-fund'], { cwd: folder, env });
}

function install(
  what: string,
  command: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv },
): void {
  try {
    execFileSync(command, args, { ...options, stdio: ['ignore', 'ignore', 'inherit'] });
  } catch (cause) {
    throw new Error(`${what} cannot be installed.`, { cause });
  }
}

interface Lockfile {
  packages: Record<string, { version?: string; optional?: boolean }>;
}

/** npm notes in node_modules what it installed there. */
function isInstalled(folder: string): boolean {
  const note = `${folder}node_modules/.package-lock.json`;
  if (!existsSync(note)) return false;
  const wanted = (JSON.parse(readFileSync(`${folder}package-lock.json`, 'utf8')) as Lockfile).packages;
  const found = (JSON.parse(readFileSync(note, 'utf8')) as Lockfile).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || found[path]?.version === version,
  );
}

/** Makes sure of a server of Debian's. Fails where there is none and apt cannot install it. `wanted`: by whom, in words. */
export function installDebian(name: 'redis-server' | 'nats-server', wanted: string): void {
  if (spawnSync(name, ['--version']).status === 0) return;
  console.log(`Installing ${name}…`);
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  const apt = (...args: string[]) => {
    const [command, ...rest] = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', ...args];
    install(`${name}, which ${wanted},`, command as string, rest, {});
  };
  apt('update');
  apt('install', '-y', '--no-install-recommends', name);
}
