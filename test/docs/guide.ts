import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

export const root = join(import.meta.dirname, '../../');

/**
 * A fenced block of a guide. What stands behind its language says what the reader does with it:
 * `ts file=NAME` save it, `sh run` run it to its end, `sh background` leave it running, `sh setup` the two commands of
 * the README, which npm itself has run before any test; `text output` or `json output` is what the block before prints.
 */
export interface Block {
  lang: string;
  /** what stands behind the language */
  mark: string;
  text: string;
  /** of the opening fence, from 1 */
  line: number;
}

export interface Guide {
  /** from the repository's root */
  path: string;
  text: string;
  blocks: Block[];
}

const FENCE = /^```(\w*) ?(.*)\n([\s\S]*?)^```$/gm;

export function readGuide(path: string): Guide {
  const text = readFileSync(join(root, path), 'utf8');
  const blocks = [...text.matchAll(FENCE)].map(([, lang = '', mark = '', body = ''], at, all) => ({
    ...{ lang, mark, text: body },
    line: text.slice(0, (all[at] as RegExpMatchArray).index).split('\n').length,
  }));
  return { path, text, blocks };
}

/** What a reader follows from the first block to the last. */
export const guides = (): Guide[] =>
  ['README.md', ...globSync('docs/guides/*.md', { cwd: root }).sort(), 'docs/any-language.md', 'docs/http.md'].map(
    readGuide,
  );

/** Every page of ours in the repository. */
export const pages = (): string[] =>
  globSync('**/*.md', { cwd: root, exclude: (path) => /(^|\/)(node_modules|dist|tmp)$/.test(path) }).sort();

export const fileOf = ({ mark }: Block): string | undefined => /^file=(\S+)$/.exec(mark)?.[1];

/** A folder inside the checkout, so that packages are found from it as from the reader's files; git does not see it. */
export class Desk {
  readonly folder: string;

  constructor() {
    mkdirSync(join(root, 'tmp'), { recursive: true });
    this.folder = mkdtempSync(join(root, 'tmp', 'docs-'));
  }

  /** Saves a guide's files in a folder of their own, and answers it. */
  lay({ path, blocks }: Guide): string {
    const folder = join(this.folder, basename(path, '.md').toLowerCase());
    mkdirSync(folder);
    for (const block of blocks) {
      const file = fileOf(block);
      if (file !== undefined) writeFileSync(join(folder, file), block.text);
    }
    return folder;
  }

  clear(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
