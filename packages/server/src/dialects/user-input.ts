import { type ControlView, type Json, MillraceError } from '@millrace/protocol';
import type { Principal } from '../auth/auth.ts';
import type { Attached } from '../hub/face.ts';

/** The committed control view of a run; undefined = no such run. */
export type OpenWaits = (key: { tenant: string; run: string }) => Promise<{ control: ControlView } | undefined>;

/**
 * A viewer's answer `{executionId, inputId?, nodeId?, value}`. Without an id it answers the one input that the run, or
 * its node, waits for. Errors: invalid_message, run_not_found, wait_not_found, already_answered, input_invalid.
 */
export async function answerInput(
  attached: Pick<Attached, 'command'>,
  principal: Principal,
  waits: OpenWaits,
  answer: unknown,
): Promise<void> {
  const { executionId, inputId, nodeId, value, input } = (
    typeof answer === 'object' && answer !== null ? answer : {}
  ) as Record<string, unknown>;
  if (typeof executionId !== 'string' || (value === undefined && input === undefined)) {
    throw new MillraceError('invalid_message', {
      detail: 'Expected user_input:provide with {executionId, inputId, value}.',
    });
  }
  const found = typeof inputId === 'string' ? inputId : await openInput(waits, principal, executionId, nodeId);
  await attached.command(executionId, {
    type: 'provide',
    inputId: found,
    value: (value === undefined ? input : value) as Json,
  });
}

/** '' where there is none or several: no wait has that id, and a run that may not be seen is refused before. */
async function openInput(waits: OpenWaits, { tenant }: Principal, run: string, node: unknown): Promise<string> {
  const { control } = (await waits({ tenant, run })) ?? {};
  const open = Object.values(control?.waits ?? {}).filter(
    (wait) => wait.kind === 'input' && wait.status === 'open' && (typeof node !== 'string' || wait.node === node),
  );
  return open.length === 1 ? (open[0]?.id ?? '') : '';
}
