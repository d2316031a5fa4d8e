import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILE = 'secret';

/** The data folder's own secret, or undefined where no server has made one yet. */
export async function readSecret(folder: string): Promise<string | undefined> {
  try {
    return (await readFile(join(folder, FILE), 'utf8')).trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The data folder's own secret, made at the first start and readable by its owner alone, so that tokens survive a
 * restart. Two processes that start at once get the same one.
 */
export async function keepSecret(folder: string): Promise<string> {
  const kept = await readSecret(folder);
  if (kept !== undefined) return kept;
  await mkdir(folder, { recursive: true });
  const draft = join(folder, `${FILE}-${randomBytes(6).toString('hex')}`);
  await writeFile(draft, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
  try {
    // A link appears whole or not at all, and never replaces what is there.
    await link(draft, join(folder, FILE));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return (await readSecret(folder)) as string;
}
