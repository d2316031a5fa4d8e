import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { exampleQuestion } from './ask-docs/example.ts';

/** What is asked about when a run names no folder, and what the start form offers. */
export interface Start {
  folder: string;
  example: { question: string; docs?: string };
}

/**
 * Reads the command line: `--docs DIR` names the folder of documents, seen from `cwd`. Without it the documentation
 * of the installed Fastify is asked about. Throws for an unknown option and for a DIR that cannot be asked about.
 */
export async function readCommandLine(args: readonly string[], cwd: string): Promise<Start> {
  const { values } = parseArgs({ args: [...args], options: { docs: { type: 'string' } } });
  if (values.docs === undefined) {
    return { folder: fastifyDocs(), example: { question: 'How do I validate a request body?' } };
  }
  const folder = resolve(cwd, values.docs);
  return { folder, example: { question: await exampleQuestion(folder), docs: folder } };
}

function fastifyDocs(): string {
  return fileURLToPath(new URL('./docs', import.meta.resolve('fastify')));
}
