import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { root } from './guide.ts';

/** ms that a block may take to end */
const PATIENCE = 40_000;

/** What a reader has open: one shell for a whole guide, so that what one block exports the next one has. */
export class Terminal {
  readonly #folder: string;
  readonly #shell: ChildProcess;
  readonly #ended = new Map<string, (code: string) => void>();
  #blocks = 0;

  constructor(folder: string, env: Record<string, string>) {
    this.#folder = folder;
    const { PATH = '', HOME = '' } = process.env;
    const path = [...standIns(folder), join(root, 'node_modules/.bin'), PATH].join(':');
    // A group of its own: what was left running ends with the shell.
    this.#shell = spawn('bash', ['--noprofile', '--norc'], {
      cwd: folder,
      env: { PATH: path, HOME, NO_COLOR: '1', npm_config_loglevel: 'error', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    createInterface({ input: this.#shell.stdout as Readable }).on('line', (line) => {
      const [log = '', code = ''] = line.split(' ');
      this.#ended.get(log)?.(code);
    });
    this.#type("trap 'failed=$?' ERR");
  }

  /** Runs a block to its end. `code` is that of the last command in it that failed, else 0. */
  async run(text: string): Promise<{ code: number; out: string; errors: string }> {
    const log = this.#log();
    const ended = new Promise<string>((resolve) => this.#ended.set(log, resolve));
    this.#type(`failed=0\n{\n${text}\n} >${log}.out 2>${log}.err </dev/null\necho ${log} $failed`);
    const code = Number(await Promise.race([ended, tooLong(text)]));
    const read = (kind: string) => readFileSync(join(this.#folder, `${log}.${kind}`), 'utf8');
    return { code, out: read('out'), errors: read('err') };
  }

  /** Leaves a block running; the answer tells what it has printed so far. */
  background(text: string): () => string {
    const log = join(this.#folder, `${this.#log()}.out`);
    writeFileSync(log, '');
    this.#type(`{\n${text}\n} >>${log} 2>&1 </dev/null &`);
    return () => readFileSync(log, 'utf8');
  }

  end(): void {
    try {
      process.kill(-(this.#shell.pid as number), 'SIGKILL');
    } catch {
      // Nothing of it is left.
    }
  }

  #type(line: string): void {
    this.#shell.stdin?.write(`${line}\n`);
  }

  #log(): string {
    this.#blocks += 1;
    return `block-${this.#blocks}`;
  }
}

function tooLong(text: string): Promise<never> {
  return new Promise((_resolve, reject) => {
    setTimeout(() => reject(new Error(`This does not end:\n${text}`)), PATIENCE).unref();
  });
}

/** Where there is no curl, the guides' requests are made by a few lines that know the guides' options. */
function standIns(folder: string): string[] {
  if (spawnSync('curl', ['--version']).status === 0) return [];
  const place = join(folder, 'bin');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'curl'), `#!/bin/sh\nexec node '${join(root, 'test/docs/curl.mjs')}' "$@"\n`);
  chmodSync(join(place, 'curl'), 0o755);
  return [place];
}
