import type { Json, RunCommand } from '@millrace/protocol';
import { type Principal, tellable } from '../auth/auth.ts';
import { needScope, visibleRow } from './access.ts';
import type { HubOptions } from './face.ts';

export interface Given {
  seq: number;
  result?: Json;
}

/** A viewer's command to a run that they see. What they are told of a refusal hides what is hidden from them. */
export async function giveCommand(
  { store, submit }: Pick<HubOptions, 'store' | 'submit'>,
  principal: Principal,
  run: string,
  command: RunCommand,
  about: { key?: string; ctl?: number },
): Promise<Given> {
  needScope(principal, 'run:act');
  await visibleRow(store, principal, run);
  try {
    return await submit(principal, run, command, about);
  } catch (error) {
    throw tellable(error, principal);
  }
}
