import { CancelledFailure, type Context, type Info } from '@temporalio/activity';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { ExternalRun, type Millrace, type NewEvent } from './external-run.ts';

/**
 * Interceptors of a Temporal worker: every workflow execution is an external run of Millrace, every activity a node of
 * it, an attempt an attempt. A heartbeat's details become progress: a percentage, or `{progress, message}`. Millrace is
 * told in the background: where it is away, or refuses, activities go on, and `failed` hears of it.
 */
export function reportActivities(millrace: Millrace, failed: (error: unknown) => void): ActivityInterceptorsFactory {
  const runs = new Map<string, Promise<ExternalRun>>();
  const runOf = (info: Info) => {
    const { name, workflow } = executionOf(info);
    const run = runs.get(name) ?? ExternalRun.open(millrace, workflow, name);
    runs.set(name, run);
    run.catch(() => runs.delete(name));
    return run;
  };
  return (context) => ({
    inbound: {
      async execute(input, next) {
        const { info } = context;
        const node = info.activityId;
        const producer = runOf(info).then((run) => run.producer(`${node}/${info.attempt}`));
        let told: Promise<unknown> = Promise.resolve();
        const append = async (...events: NewEvent[]) => {
          const { append } = await producer;
          await append(...events.map((event) => ({ node, attempt: info.attempt, ...event })));
        };
        const tell = (event: NewEvent) => {
          told = told.then(() => append(event)).catch(failed);
        };
        const started = { type: 'node.started', data: { task: info.activityType, worker: info.taskQueue } };
        // A node that failed and will be tried again is queued when it is due: by Millrace, or by us, whoever is first.
        const queued = { type: 'node.queued', data: { reason: 'retry' } };
        if (info.attempt === 1) tell(started);
        else told = append(queued, started).catch(() => append(started).catch(failed));
        const began = Date.now();
        const silence = hearHeartbeats(context, (progress) => tell({ type: 'node.progress', data: progress }));
        try {
          const output = await next(input);
          tell({ type: 'node.completed', data: { output: output ?? null, duration: Date.now() - began } });
          return output;
        } catch (error) {
          tell(endOf(error, info));
          throw error;
        } finally {
          silence();
          await told;
        }
      },
    },
  });
}

/** The workflow execution that an activity is of; one that was started by itself is an execution of its own. */
function executionOf({ workflowExecution, workflowType, activityType, base64TaskToken }: Info) {
  if (!workflowExecution) return { name: `activity/${base64TaskToken}`.slice(0, 200), workflow: activityType };
  const { workflowId, runId } = workflowExecution;
  return { name: `${workflowId}/${runId}`, workflow: workflowType ?? 'workflow' };
}

/** A context has one place that every heartbeat passes, `context.heartbeat` as well as the function of that name. */
function hearHeartbeats(context: Context, heard: (progress: { progress: number; message?: string }) => void) {
  const beating = context as { heartbeat: Context['heartbeat'] };
  const { heartbeat } = beating;
  beating.heartbeat = (details) => {
    heartbeat.call(context, details);
    const progress = progressOf(details);
    if (progress) heard(progress);
  };
  return () => {
    beating.heartbeat = heartbeat;
  };
}

function progressOf(details: unknown): { progress: number; message?: string } | undefined {
  const told = typeof details === 'number' ? { progress: details } : ((details ?? {}) as Record<string, unknown>);
  const { progress, message } = told as { progress?: unknown; message?: unknown };
  if (typeof progress !== 'number' || !(progress >= 0 && progress <= 100)) return undefined;
  return { progress, ...(typeof message === 'string' ? { message } : {}) };
}

function endOf(error: unknown, { attempt, retryPolicy }: Info): NewEvent {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (error instanceof CancelledFailure || name === 'AbortError') {
    return { type: 'node.cancelled', data: { reason: message || 'cancelled' } };
  }
  const told = { code: 'task_failed', message };
  const { nonRetryable = false, type = name } = error as { nonRetryable?: boolean; type?: string | null };
  const { maximumAttempts = 1, nonRetryableErrorTypes = [] } = retryPolicy ?? {};
  const last =
    nonRetryable ||
    nonRetryableErrorTypes.includes(type ?? name) ||
    (maximumAttempts > 0 && attempt >= maximumAttempts);
  if (last) return { type: 'node.failed', data: { error: { ...told, retryable: false } } };
  return { type: 'node.retrying', data: { error: told, nextAt: Date.now() } };
}
