import { type Clock, MillraceError, type WaitView } from '@millrace/protocol';
import { type Blobs, seal, toJson, unseal } from './blob.ts';
import type { ApprovalAnswer, ApprovalRequest, InputRequest, TaskContext } from './context.ts';
import type { DurableCalls } from './durable.ts';
import { ChildFailed } from './errors.ts';
import { isStandard, jsonSchemaOf, parse } from './schema.ts';

/** The durable calls that wait for something outside of the attempt: how each is asked, and what its answer is. */
export function waitCalls(
  calls: DurableCalls,
  { blobs, clock }: { blobs: Blobs; clock: Clock },
): Pick<TaskContext, 'approval' | 'input' | 'sleep' | 'run'> {
  return {
    approval: (name, request, { key } = {}) =>
      calls.wait(
        { kind: 'approval', name, key },
        (approvalId) => ({ type: 'approval.requested', data: { approvalId, ...approvalOf(request, clock) } }),
        decisionOf,
      ),

    input: (name: string, request: InputRequest, { key }: { key?: string } = {}) =>
      calls.wait(
        { kind: 'input', name, key },
        async (inputId) => ({ type: 'input.requested', data: { inputId, ...(await inputOf(request, clock)) } }),
        (wait) => givenOf(wait, request),
      ) as Promise<never>,

    sleep: (name, time, { key } = {}) =>
      calls.wait(
        { kind: 'sleep', name, key },
        (sleepId) => ({ type: 'sleep.started', data: { sleepId, until: untilOf(time, clock.now()) } }),
        () => undefined,
      ),

    run: (name, workflow, input, { key, detached } = {}) =>
      calls.wait(
        { kind: 'child', name, key },
        async (childId) => ({
          type: 'child.started',
          data: {
            childId,
            // The engine gives the child its id.
            run: '',
            workflow: typeof workflow === 'string' ? workflow : workflow.name,
            input: (await seal(blobs, input ?? null, `The input of the child run "${name}"`)).stored,
            ...(detached === undefined ? {} : { detached }),
          },
        }),
        (wait) => outputOf(wait, blobs),
      ) as Promise<never>,
  };
}

function approvalOf({ timeout, onTimeout, details, ...rest }: ApprovalRequest, clock: Clock) {
  const escalateTo = typeof onTimeout === 'object' ? onTimeout.escalate : undefined;
  if (escalateTo && timeout === undefined) {
    throw new MillraceError('invalid_request', {
      detail: `The approval "${rest.title}" escalates on a timeout, but has none. Give it a timeout in ms.`,
    });
  }
  return {
    ...rest,
    ...(details === undefined ? {} : { details: toJson(details, 'The details of an approval') }),
    ...deadline(timeout, clock),
    ...(escalateTo ? { onTimeout: 'escalate' as const, escalateTo } : {}),
    ...(typeof onTimeout === 'string' ? { onTimeout } : {}),
  };
}

function decisionOf({ approval, by }: WaitView): ApprovalAnswer {
  const { decision = 'timed_out', comment } = approval ?? {};
  return {
    decision,
    approved: decision === 'approved',
    ...(comment === undefined ? {} : { comment }),
    ...(by === undefined ? {} : { by }),
  };
}

async function inputOf({ prompt, schema, timeout, default: preset }: InputRequest, clock: Clock) {
  if (isStandard(schema) && preset !== undefined) await parse(schema, preset, `The default of "${prompt}"`);
  return {
    prompt,
    ...(schema === undefined ? {} : { schema: jsonSchemaOf(schema, `The schema of "${prompt}"`) }),
    ...deadline(timeout, clock),
    ...(preset === undefined ? {} : { default: toJson(preset, 'The default of an input') }),
  };
}

async function givenOf({ input }: WaitView, { prompt, schema }: InputRequest): Promise<unknown> {
  if (input?.value === undefined) {
    throw new MillraceError('input_timed_out', {
      detail: `Nobody answered "${prompt}" in time, and it has no default.`,
    });
  }
  return isStandard(schema) ? parse(schema, input.value, `The answer to "${prompt}"`) : input.value;
}

async function outputOf({ child }: WaitView, blobs: Blobs): Promise<unknown> {
  const { run = '', workflow = '', outcome = 'cancelled', output, error } = child ?? {};
  if (outcome !== 'completed') throw new ChildFailed({ run, workflow, outcome, ...(error ? { error } : {}) });
  return output === undefined ? undefined : unseal(blobs, output);
}

function deadline(timeout: number | undefined, clock: Clock): { timeoutAt?: number } {
  return timeout === undefined ? {} : { timeoutAt: untilOf(timeout, clock.now()) };
}

function untilOf(time: number | { until: Date | number }, now: number): number {
  const until = typeof time === 'number' ? now + time : Number(time.until);
  const valid = Number.isFinite(until) && until >= 0 && (typeof time !== 'number' || time >= 0);
  if (valid) return Math.ceil(until);
  throw new MillraceError('invalid_request', {
    detail: `${JSON.stringify(time)} is no time: expected milliseconds from now, 0 or more, or {until: Date | ms since the epoch}.`,
  });
}
