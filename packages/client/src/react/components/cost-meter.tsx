import type { RunOptions } from '@millrace/protocol/event';
import type { Usage } from '@millrace/protocol/view';
import type { ReactNode } from 'react';
import { Bar } from './bar.tsx';

/** Tokens and money that a run has used, and how much of its budget that is. */
export function CostMeter({ usage, budget }: { usage: Usage; budget?: RunOptions['budget'] }): ReactNode {
  const costs = Object.entries(usage.cost);
  const spent = budget === undefined ? 0 : (usage.cost[budget.currency] ?? 0);
  return (
    <div>
      <dl className="mr-facts">
        <div>
          <dt>Tokens in</dt>
          <dd>{usage.inputTokens.toLocaleString('en')}</dd>
        </div>
        <div>
          <dt>out</dt>
          <dd>{usage.outputTokens.toLocaleString('en')}</dd>
        </div>
        <div>
          <dt>Cost</dt>
          <dd>{costs.length === 0 ? 'none' : costText(usage.cost)}</dd>
        </div>
        {budget !== undefined && (
          <div>
            <dt>Budget</dt>
            <dd>{moneyText(budget.amount, budget.currency)}</dd>
          </div>
        )}
      </dl>
      {budget !== undefined && <Bar label="Budget used" percent={(100 * spent) / budget.amount} />}
    </div>
  );
}

/** `$0.0042`, or of several currencies each. */
export function costText(cost: Readonly<Record<string, number>>): string {
  return Object.entries(cost)
    .map(([currency, amount]) => moneyText(amount, currency))
    .join(' + ');
}

/** Four decimals below one, where two would say nothing; an unknown currency keeps its name. */
function moneyText(amount: number, currency: string): string {
  const digits = Math.abs(amount) < 1 ? 4 : 2;
  if (!/^[A-Z]{3}$/.test(currency)) return `${amount.toFixed(digits)} ${currency}`;
  return amount.toLocaleString('en', {
    style: 'currency',
    currency,
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
  });
}
