import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** What is asked about when a run names no folder, and what the start form offers. */
export interface Start {
  folder: string;
  example: { question: string; docs?: string };
}

export const USAGE = 'npm start [-- --docs DIR]';

/**
 * Reads the command line: `--docs DIR` names the folder of documents, seen from `cwd`. Without it the documentation
 * of the installed Fastify is asked about. Throws for an unknown option and for a DIR that is no folder.
 */
export function readCommandLine(args: readonly string[], cwd: string): Start {
  const { values } = parseArgs({ args: [...args], options: { docs: { type: 'string' } }, strict: true });
  if (values.docs === undefined)
    return { folder: fastifyDocs(), example: { question: 'How do I validate a request body?' } };
  const folder = resolve(cwd, values.docs);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`--docs: there is no folder ${folder}.`);
  return { folder, example: { question: 'What is this about?', docs: folder } };
}

function fastifyDocs(): string {
  return fileURLToPath(new URL('./docs', import.meta.resolve('fastify')));
}
