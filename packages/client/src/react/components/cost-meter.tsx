import type { RunOptions } from '@millrace/protocol/event';
import type { Usage } from '@millrace/protocol/view';
import type { ReactNode } from 'react';
import { costText, moneyText } from '../../present/amount.ts';
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
