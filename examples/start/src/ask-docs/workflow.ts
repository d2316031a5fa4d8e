import { type Json, type WorkflowDefinition, workflow } from '@millrace/worker';
import { answerTask } from './answer-task.ts';
import { approveTask } from './approve-task.ts';
import { collectTask } from './collect-task.ts';
import type { Embedder } from './embeddings.ts';
import { type ChunkFiles, indexTask } from './index-task.ts';
import type { AnsweringModel } from './model.ts';
import { reportTask } from './report-task.ts';

export interface AskDocsOptions {
  /** asked about where a run names no folder */
  folder: string;
  /** shown by the start form */
  example: { question: string; docs?: string };
  model: AnsweringModel;
  embedder?: Embedder | undefined;
  /** the worker's link, or another place that answers what is stored in it by its hash */
  files: ChunkFiles;
}

/**
 * Answers a question from a folder of documents: lists them, cuts and indexes each in a step of its own, lets an agent
 * search and answer, asks a person, and writes report.md with its sources. Everything that one node hands to the next
 * stands in the run's log, so another process can go on from any step.
 */
export function askDocs({ folder, example, model, embedder, files }: AskDocsOptions): WorkflowDefinition {
  const input: Json = {
    type: 'object',
    required: ['question'],
    additionalProperties: false,
    properties: {
      question: {
        type: 'string',
        title: 'Question',
        description: 'Answered from the documents alone.',
        minLength: 3,
        maxLength: 1_000,
      },
      docs: {
        type: 'string',
        title: 'Folder',
        description: 'A folder on the server with .md, .mdx or .txt files. Left empty: the one shown.',
        maxLength: 4_096,
        default: folder,
      },
    },
  };
  return workflow('ask-docs', {
    title: 'Ask a folder of documents',
    description:
      'Indexes a folder of documents, lets an agent answer a question from them, and writes a report once you approve.',
    input,
    example,
    nodes: {
      collect: { task: collectTask(folder) },
      index: { task: indexTask(files, embedder), needs: ['collect'] },
      answer: { task: answerTask(model, embedder), needs: ['collect', 'index'] },
      approve: { task: approveTask, needs: ['answer'] },
      report: { task: reportTask, needs: ['answer', 'approve'], when: '{% needs.approve.approved %}' },
    },
  });
}
