// Finds what the tests of a cluster start beside Postgres, which comes from npm. Run as a script it installs what is missing.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { aptInstall, mustHave } from './apt.ts';

/** Packages of Debian's, each with the program of the same name; some stand where only root looks. */
const services = ['redis-server', 'pgbouncer', 'haproxy'] as const;

/** Those that are not installed. */
export function missingServices(): string[] {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  return services.filter((name) => !folders.some((folder) => existsSync(join(folder, name))));
}

if (import.meta.main && missingServices().length > 0) {
  const missing = missingServices();
  console.log(`Installing ${missing.join(', ')} for the tests of a cluster…`);
  const problem = aptInstall(...missing);
  if (problem) {
    console.log(`Without ${missingServices().join(', ')} the tests that need them fail: ${problem}.`);
    process.exitCode = mustHave() ? 1 : 0;
  }
}
