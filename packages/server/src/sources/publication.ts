import { MillraceError } from '@millrace/protocol';
import { type JobMessage, readJobMessage } from '@millrace/protocol/dialects/jobs-source';
import type { Publication } from './job-intake.ts';

export interface Published {
  message: JobMessage;
  /** absent = published by somebody who numbers nothing */
  from?: Publication;
}

/** Reads what was published about a job; `jobId` is the one that the channel or path names. Errors: event_invalid. */
export function readPublication(value: unknown, jobId?: string): Published {
  const message = readJobMessage(jobId === undefined ? value : { ...(value as object), jobId });
  const from = readProducer((value as { producer?: unknown }).producer);
  return { message, ...(from ? { from } : {}) };
}

function readProducer(value: unknown): Publication | undefined {
  if (value === undefined) return undefined;
  const { id, sequence } = (value ?? {}) as Partial<Publication>;
  const isId = typeof id === 'string' && id !== '' && id.length <= 200;
  if (isId && Number.isSafeInteger(sequence) && (sequence as number) >= 1) return { id, sequence: sequence as number };
  throw new MillraceError('event_invalid', {
    detail: 'producer: expected {id, sequence}, with an id of 1–200 characters and a whole number from 1.',
    facts: { field: 'producer' },
  });
}
