import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RoundAnswer } from './contender.ts';

/** ms that one contender's round may take, and then to stop what it started */
const LIMIT = 300_000;
const GRACE = 15_000;

export interface Contender {
  name: string;
  /** path from bench/ */
  file: string;
  /** a folder for a CPU profile of every round */
  profile?: string | undefined;
}

/** One round of one contender, in a process of its own. Fails when that fails, or does not end in time. */
export function runRound(contender: Contender, request: unknown): Promise<RoundAnswer> {
  const { name, file, profile } = contender;
  const child = fork(fileURLToPath(new URL(`../${file}`, import.meta.url)), [JSON.stringify(request)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: [
      ...['--import', 'millrace/source.mjs'],
      ...(profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]),
    ],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(0, 4_000);
    });
  }
  return new Promise((resolve, reject) => {
    let answer: RoundAnswer | undefined;
    let late = false;
    let kill: NodeJS.Timeout | undefined;
    const limit = setTimeout(() => {
      late = true;
      child.kill('SIGTERM');
      kill = setTimeout(() => child.kill('SIGKILL'), GRACE);
    }, LIMIT);
    child.once('message', (message) => {
      answer = message as RoundAnswer;
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      clearTimeout(kill);
      if (answer && code === 0) resolve(answer);
      else reject(new Error(`${name} ${late ? 'did not end in time' : `failed (${code ?? signal})`}:\n${output}`));
    });
  });
}
