import { resolve } from 'node:path';
import { task } from '@millrace/worker';
import { listDocuments, type SourceDocument } from './documents.ts';

/** The run's input. */
export interface Question {
  question: string;
  docs?: string;
}

export interface Collected {
  question: string;
  folder: string;
  documents: SourceDocument[];
}

/** Finds the documents. Which ones there are is settled here, once, for the whole run. */
export function collectTask(folder: string) {
  return task('ask-docs.collect', async (ctx, { question, docs }: Question): Promise<Collected> => {
    const { root, documents, skipped } = await ctx.step('list', () => listDocuments(resolve(docs?.trim() || folder)));
    for (const { path, reason } of skipped) ctx.log.warning(`${path} is left out: ${reason}.`);
    ctx.log.info(`Found ${documents.length} ${documents.length === 1 ? 'document' : 'documents'} in ${root}.`);
    return { question, folder: root, documents };
  });
}
