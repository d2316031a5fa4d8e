import { MillraceError } from '../error-code.ts';
import type { NewEvent, RunError } from '../event.ts';
import { newEvent } from '../event-constructors.ts';
import type { RunCommand } from '../frame.ts';
import type { BlobRef, Json } from '../json.ts';
import { type PublicStatus, type RunMove, runMovesFrom, runTable } from '../run.ts';
import { type ControlView, publicStatus } from '../view.ts';
import { jobWords } from './jobs.ts';
import { SourceData } from './source-data.ts';

/** What a worker of seed 004 publishes of a job, as JSON. */
export type JobMessage =
  | { type: 'job:progress'; jobId: string; userId: string; state: PublicStatus; step: string; progress: number }
  | {
      type: 'job:step';
      jobId: string;
      userId: string;
      step: string;
      status: 'started' | 'progress' | 'completed' | 'failed';
      progress?: number;
      message?: string;
      output?: Json;
      error?: RunError;
    }
  | { type: 'job:chunk'; jobId: string; userId: string; text: string; agentId: string; messageId: string }
  | { type: 'job:completed'; jobId: string; userId: string; result: Json; durationMs?: number }
  | { type: 'job:failed'; jobId: string; userId: string; error: RunError; durationMs?: number };

export const jobMessageTypes = ['job:progress', 'job:step', 'job:chunk', 'job:completed', 'job:failed'] as const;

/** What a foreign producer's message asks of an external run: events to append, and a command where it takes one. */
export interface SourceChange {
  events: NewEvent[];
  /** to be given after the events */
  command?: RunCommand;
}

const states: readonly PublicStatus[] = ['created', 'running', 'paused', 'completed', 'failed', 'cancelled'];

/** Reads a published message. Throws `event_invalid` with `{field, expected}`. */
export function readJobMessage(value: unknown): JobMessage {
  const data = new SourceData('job message', value);
  const type = data.oneOf(jobMessageTypes, 'type');
  const job = { jobId: data.text('jobId'), userId: data.text('userId') };
  const durationMs = data.mayNumber('durationMs');
  const took = durationMs === undefined ? {} : { durationMs };
  switch (type) {
    case 'job:progress': {
      const state = data.oneOf(states, 'state');
      return { type, ...job, state, step: data.piece('step'), progress: percent(data.number('progress')) };
    }
    case 'job:step':
      return { type, ...job, ...readStep(data) };
    case 'job:chunk': {
      const [agentId, messageId] = [data.mayText('agentId') ?? 'job', data.mayText('messageId') ?? 'response'];
      return { type, ...job, text: data.piece('text', 'chunk'), agentId, messageId };
    }
    case 'job:completed':
      return { type, ...job, result: data.json('result') ?? null, ...took };
    case 'job:failed':
      return { type, ...job, error: readError(data) ?? { code: 'task_failed', message: 'The job failed.' }, ...took };
  }
}

function readStep(data: SourceData) {
  const status = data.oneOf(['started', 'progress', 'completed', 'failed'] as const, 'status');
  const [progress, message] = [data.mayNumber('progress'), data.mayText('message')];
  const [output, error] = [data.json('output'), readError(data)];
  return {
    step: data.text('step'),
    status,
    ...(progress === undefined ? {} : { progress: percent(progress) }),
    ...(message === undefined ? {} : { message }),
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error }),
  };
}

/** An error as a text, or as an object with a message. */
export function readError(data: SourceData): RunError | undefined {
  const error = data.json('error');
  if (error === undefined || error === null) return undefined;
  if (typeof error === 'string') return { code: data.mayText('code') ?? 'task_failed', message: error };
  const told = data.within('error');
  return { code: told.mayText('code') ?? 'task_failed', message: told.text('message') };
}

/** A percentage, brought into 0–100. */
export function percent(value: number): number {
  return Math.min(100, Math.max(0, value));
}

/**
 * What a message makes of an external run whose control view is `control`: nothing, where it repeats the state that is.
 * A worker that has not yet heard of a pause goes on telling `running`: that is no resume, its progress is taken.
 * Throws `invalid_transition` with `{from, to, allowed}` where the state tables refuse its state.
 */
export function jobEvents(control: ControlView, message: JobMessage): SourceChange {
  switch (message.type) {
    case 'job:progress': {
      const { state, step, progress } = message;
      const told = newEvent('run.progress', { progress, ...(step === '' ? {} : { message: step }) });
      const moved = moveTo(control, state);
      // A created run has nothing to tell yet, and one that ends tells it before.
      if (state === 'created') return moved;
      const isEnd = moved.events.some(({ type }) => type !== 'run.started');
      return { ...moved, events: isEnd ? [told, ...moved.events] : [...moved.events, told] };
    }
    case 'job:step':
      return { events: [...nodeStart(control), stepEvent(control, message)] };
    case 'job:chunk': {
      const { agentId, messageId, text } = message;
      return { events: [newEvent('agent.token', { agentId, messageId, text })] };
    }
    case 'job:completed': {
      const { result, durationMs } = message;
      const start = control.status === 'created' ? [newEvent('run.started', {})] : [];
      const end = newEvent('run.completed', { output: result, ...took(durationMs) });
      const after = start.length > 0 ? 'running' : control.status;
      check({ ...control, status: after }, 'run.completed', 'completed');
      return { events: [...start, ...nodeEnd(control, { output: result }), end] };
    }
    case 'job:failed': {
      check(control, 'run.failed', 'failed');
      const { error, durationMs } = message;
      return { events: [...nodeEnd(control, { error }), newEvent('run.failed', { error, ...took(durationMs) })] };
    }
  }
}

/** The move to a state that a producer says the run is in. */
function moveTo(control: ControlView, to: PublicStatus): SourceChange {
  if (to === publicStatus(control).status) return { events: [] };
  switch (to) {
    case 'created':
      return refuse(control, to);
    case 'running':
      if (control.status === 'paused') return { events: [] };
      check(control, 'run.started', to);
      return { events: [newEvent('run.started', {})] };
    case 'paused':
      check(control, 'run.paused', to);
      return { events: [], command: { type: 'pause' } };
    case 'completed':
      check(control, 'run.completed', to);
      return { events: [...nodeEnd(control, {}), newEvent('run.completed', {})] };
    case 'failed': {
      check(control, 'run.failed', to);
      const error: RunError = { code: 'task_failed', message: 'The job failed.' };
      return { events: [...nodeEnd(control, { error }), newEvent('run.failed', { error })] };
    }
    case 'cancelled':
      check(control, 'run.cancelled', to);
      return { events: [newEvent('run.cancelled', {})] };
  }
}

function check(control: ControlView, move: RunMove, to: PublicStatus): void {
  if (runTable[control.status][move] === null) refuse(control, to);
}

function refuse(control: ControlView, to: PublicStatus): never {
  const from = publicStatus(control).status;
  const allowed = [...new Set(runMovesFrom(control.status).map((state) => jobWords[state]))];
  throw new MillraceError('invalid_transition', {
    detail: `The job is ${from} and cannot become ${to}.`,
    facts: { from, to, allowed },
  });
}

/** The node that a job's steps belong to: its only one, or one of its own. */
function nodeIdOf({ graph, nodes }: ControlView): string {
  return graph[0]?.id ?? Object.keys(nodes)[0] ?? 'job';
}

function nodeStart(control: ControlView): NewEvent[] {
  const id = nodeIdOf(control);
  const status = control.nodes[id]?.status ?? 'pending';
  const mayStart = (status === 'pending' || status === 'queued') && control.status !== 'paused';
  return mayStart ? [newEvent('node.started', {}, { node: id, attempt: 1 })] : [];
}

/** The end of the job's node, where it runs: it ends as the job does. */
function nodeEnd(control: ControlView, how: { output?: Json | BlobRef; error?: RunError }): NewEvent[] {
  const node = control.nodes[nodeIdOf(control)];
  if (node?.status !== 'running') return [];
  const place = { node: node.id, attempt: node.attempt };
  const { error, output } = how;
  if (error) return [newEvent('node.failed', { error }, place)];
  return [newEvent('node.completed', output === undefined ? {} : { output }, place)];
}

function stepEvent(control: ControlView, told: Extract<JobMessage, { type: 'job:step' }>): NewEvent {
  const node = nodeIdOf(control);
  const place = { node, attempt: control.nodes[node]?.attempt || 1 };
  const { step: name, status, progress = 0, message, output } = told;
  switch (status) {
    case 'started':
      return newEvent('step.started', { name }, place);
    case 'progress':
      return newEvent('step.progress', { name, progress, ...(message === undefined ? {} : { message }) }, place);
    case 'completed':
      return newEvent('step.completed', { name, ...(output === undefined ? {} : { output }) }, place);
    case 'failed': {
      const error = told.error ?? { code: 'task_failed', message: `The step "${name}" failed.` };
      return newEvent('step.failed', { name, error }, place);
    }
  }
}

function took(durationMs: number | undefined): { duration?: number } {
  return durationMs === undefined ? {} : { duration: durationMs };
}
