import { describe } from 'vitest';
import { storeDeletionSuite } from './store-deletion.suite.ts';
import type { StoreFactory } from './store-factory.suite.ts';
import { storeGatesSuite } from './store-gates.suite.ts';
import { storeListsSuite } from './store-lists.suite.ts';
import { storeLogSuite } from './store-log.suite.ts';
import { storeLooksSuite } from './store-looks.suite.ts';
import { storePeopleSuite } from './store-people.suite.ts';
import { storeWorkSuite } from './store-work.suite.ts';

/** The contract of store.ts, sentence by sentence, over whatever implements it. */
export function storeSuite(name: string, factory: StoreFactory): void {
  describe(name, () => {
    storeLogSuite(factory);
    storeWorkSuite(factory);
    storeLooksSuite(factory);
    storeGatesSuite(factory);
    storePeopleSuite(factory);
    storeDeletionSuite(factory);
    storeListsSuite(factory);
  });
}
