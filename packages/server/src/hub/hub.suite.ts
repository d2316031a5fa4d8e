import { describe } from 'vitest';
import { hubAttachmentSuite } from './hub-attachment.suite.ts';
import { hubDeliverySuite } from './hub-delivery.suite.ts';
import { hubListMembersSuite } from './hub-list-members.suite.ts';
import { hubListSubscriptionSuite } from './hub-list-subscription.suite.ts';
import { hubRepairSuite } from './hub-repair.suite.ts';
import { hubRunSubscriptionSuite } from './hub-run-subscription.suite.ts';
import { hubSessionSuite } from './hub-session.suite.ts';
import { hubSharedViewSuite } from './hub-shared-view.suite.ts';
import { hubSnapshotsSuite } from './hub-snapshots.suite.ts';
import type { OpenWriter } from './log-writer.suite.ts';

/** What a hub does over whatever store it has; `stories` as in the delivery suite. */
export function hubSuite(name: string, open: OpenWriter, stories: number): void {
  describe(`a hub over ${name}`, () => {
    describe('runs', () => hubRunSubscriptionSuite(open));
    describe('delivery', () => hubDeliverySuite(open, stories));
    describe('lists', () => hubListSubscriptionSuite(open));
    describe('members of lists', () => hubListMembersSuite(open));
    describe('attachments', () => hubAttachmentSuite(open));
    describe('sessions', () => hubSessionSuite(open));
    describe('snapshots', () => hubSnapshotsSuite(open));
    describe('shared views', () => hubSharedViewSuite(open));
    describe('repair', () => hubRepairSuite(open));
  });
}
