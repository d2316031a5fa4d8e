import type { ControlView } from '@millrace/protocol/view';
import type { ReactNode } from 'react';
import { RunLink } from './run-link.tsx';

/** Which run this one comes from; nothing for one that was started afresh. */
export function RunLineage({ lineage }: { lineage: ControlView['lineage'] }): ReactNode {
  const { parent, retryOf, forkOf } = lineage ?? {};
  const origins = [
    { word: 'Retry of', run: retryOf?.run },
    { word: 'Fork of', run: forkOf?.run },
    { word: 'Started by', run: parent?.run },
  ];
  return origins.map(({ word, run }) =>
    run === undefined ? null : (
      <div key={word}>
        <dt>{word}</dt>
        <dd>
          <RunLink run={run} text={`run ${run.slice(-8)}`} />
        </dd>
      </div>
    ),
  );
}
