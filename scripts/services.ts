// Finds what the tests start beside Postgres, which comes from npm: programs, and the other language that speaks Socket.IO.
// Run as a script it installs what is missing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { aptInstall, mustHave } from './apt.ts';

/** Packages of Debian's, each with the program of the same name; some stand where only root looks. */
const programs = ['redis-server', 'pgbouncer', 'haproxy'] as const;

/** Packages of Debian's, each with the Python module that it brings: a Socket.IO client and its transport. */
const modules = { 'python3-socketio': 'socketio', 'python3-aiohttp': 'aiohttp' };

const folders = (process.env.PATH ?? '').split(delimiter);

/** The first Python 3 that can import a Socket.IO client and its transport. */
export function findPython(): string | undefined {
  const pythons = [...folders, '/usr/bin'].map((folder) => join(folder, 'python3')).filter(existsSync);
  return [...new Set(pythons)].find((python) => imports(python, Object.values(modules)));
}

function imports(python: string, names: string[]): boolean {
  return spawnSync(python, ['-c', `import ${names.join(', ')}`], { stdio: 'ignore' }).status === 0;
}

/** Those that are not installed. */
export function missingServices(): string[] {
  const lacking = programs.filter(
    (name) => ![...folders, '/usr/sbin'].some((folder) => existsSync(join(folder, name))),
  );
  return [...lacking, ...(findPython() === undefined ? Object.keys(modules) : [])];
}

if (import.meta.main && missingServices().length > 0) {
  const missing = missingServices();
  console.log(`Installing ${missing.join(', ')} for the tests…`);
  const problem = aptInstall(...missing);
  if (problem) {
    console.log(`Without ${missingServices().join(', ')} the tests that need them fail: ${problem}.`);
    process.exitCode = mustHave() ? 1 : 0;
  }
}
