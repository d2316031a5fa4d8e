import type { ControlView, NewEvent, WaitView } from '@millrace/protocol';

function waitId(limit: number): string {
  return `budget:${limit}`;
}

/** The open question whether the run may go on beyond its budget. */
export function budgetWait(control: ControlView): WaitView | undefined {
  const { budget } = control.options;
  const wait = budget === undefined ? undefined : control.waits[waitId(budget.amount)];
  return wait?.status === 'open' ? wait : undefined;
}

/** Crossing the limit pauses the run and asks, once per limit, for approval to go on. */
export function overBudget(control: ControlView): NewEvent[] {
  const { budget } = control.options;
  if (!budget || (control.status !== 'running' && control.status !== 'paused')) return [];
  const total = control.usage.cost[budget.currency] ?? 0;
  const approvalId = waitId(budget.amount);
  if (total <= budget.amount || control.waits[approvalId]) return [];
  const title = `The budget of ${budget.amount} ${budget.currency} is used up (${Number(total.toFixed(4))}). Go on?`;
  return [
    { type: 'budget.exceeded', by: 'system', data: { limit: budget.amount, total, currency: budget.currency } },
    ...(control.status === 'running'
      ? [{ type: 'run.paused' as const, by: 'system', data: { reason: 'budget' } }]
      : []),
    { type: 'approval.requested', by: 'system', data: { approvalId, title } },
  ];
}
