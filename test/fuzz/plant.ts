import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Mutant, planted } from './mutants.ts';

const root = join(import.meta.dirname, '../..');

/** From now on the mutant's file is loaded with its fault. The returned function tells whether it has been. */
export function plant(mutant: Mutant): () => boolean {
  const place = pathToFileURL(join(root, mutant.file)).href;
  let loaded = false;
  registerHooks({
    load(url, context, next) {
      const found = next(url, context);
      if (url !== place) return found;
      loaded = true;
      return { ...found, source: planted(mutant, String(found.source)) };
    },
  });
  return () => loaded;
}
