import { describe } from 'vitest';
import { engineAttemptsSuite } from './engine-attempts.suite.ts';
import { engineBacklogSuite } from './engine-backlog.suite.ts';
import { engineCommandsSuite } from './engine-commands.suite.ts';
import { engineDescentSuite } from './engine-descent.suite.ts';
import type { OpenStore } from './engine-factory.suite.ts';
import { engineFlowSuite } from './engine-flow.suite.ts';
import { engineHandsSuite } from './engine-hands.suite.ts';
import { engineLineageSuite } from './engine-lineage.suite.ts';
import { engineNodesSuite } from './engine-nodes.suite.ts';

/** What an engine does over whatever store it has. */
export function engineSuite(name: string, open: OpenStore): void {
  describe(`the engine on ${name}`, () => {
    engineNodesSuite(open);
    engineAttemptsSuite(open);
    engineCommandsSuite(open);
    engineHandsSuite(open);
    engineBacklogSuite(open);
    engineFlowSuite(open);
    engineLineageSuite(open);
    engineDescentSuite(open);
  });
}
