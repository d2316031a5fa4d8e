import { type Json, MillraceError, type RunEvent, redact, type WaitState, type WaitView } from '@millrace/protocol';
import type { Engine } from '../engine/face.ts';
import type { GrantRow } from '../store/store.ts';

/** What a link's bearer is told of the wait that they may answer. */
export interface Question {
  run: string;
  workflow: string;
  id: string;
  kind: 'approval' | 'input';
  status: WaitState;
  /** of an approval its title, of an input its prompt */
  title: string;
  details?: Json;
  /** decisions that may be given; of an input none */
  options: string[];
  /** JSON Schema of the value */
  schema?: Json;
  default?: Json;
  requestedAt: number;
  timeoutAt?: number;
  /** of an approval that was answered */
  decision?: string;
}

/** Errors: `link_spent` where the run or its wait is gone. */
export async function questionOf(engine: Engine, grant: GrantRow & { run: string; wait: string }): Promise<Question> {
  const found = await engine.control({ tenant: grant.tenant, run: grant.run });
  const wait = found?.control.waits[grant.wait];
  if (!found || (wait?.kind !== 'approval' && wait?.kind !== 'input')) throw new MillraceError('link_spent');
  const { id, kind, status, requestedAt, timeoutAt } = wait;
  const { run, workflow } = found.control;
  return {
    ...{ run, workflow, id, kind, status, requestedAt },
    ...(timeoutAt === undefined ? {} : { timeoutAt }),
    ...asked(wait, grant),
  };
}

/** What is hidden from the link's bearer is hidden here, by the same rules as in the log. */
function asked(
  wait: WaitView,
  { hide }: GrantRow,
): Pick<Question, 'title' | 'details' | 'options' | 'schema' | 'default' | 'decision'> {
  const event = redact(requestOf(wait), { name: 'link', hide: hide as Parameters<typeof redact>[1]['hide'] });
  if (event?.type === 'input.requested') {
    const { prompt, schema, default: value } = event.data;
    return {
      ...{ title: prompt, options: [] },
      ...(schema === undefined ? {} : { schema }),
      ...(value === undefined ? {} : { default: value }),
    };
  }
  if (event?.type !== 'approval.requested') return { title: '', options: [] };
  const { title, details, options = [] } = event.data;
  const decision = hide.length > 0 ? undefined : wait.approval?.decision;
  return {
    ...{
      title,
      options: ['approved', 'rejected', ...options.filter((one) => one !== 'approved' && one !== 'rejected')],
    },
    ...(details === undefined ? {} : { details }),
    ...(decision === undefined ? {} : { decision }),
  };
}

function requestOf({ id, seq, requestedAt, approval, input }: WaitView): RunEvent {
  const where = { seq, at: requestedAt };
  if (input) {
    const { prompt, schema, default: value } = input;
    return {
      ...{ ...where, type: 'input.requested' },
      data: {
        ...{ inputId: id, prompt },
        ...(schema === undefined ? {} : { schema }),
        ...(value === undefined ? {} : { default: value }),
      },
    };
  }
  const { title = '', details, options } = approval ?? {};
  return {
    ...{ ...where, type: 'approval.requested' },
    data: { approvalId: id, title, ...(details === undefined ? {} : { details }), ...(options ? { options } : {}) },
  };
}
