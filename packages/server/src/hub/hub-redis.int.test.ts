import { afterAll, beforeAll, describe } from 'vitest';
import { RedisProcess } from '../bus/redis.rig.ts';
import { MemoryStore } from '../store/store-memory.ts';
import { DistantBus } from './distant-bus.rig.ts';
import { hubAttachmentSuite } from './hub-attachment.suite.ts';
import { hubDeliverySuite } from './hub-delivery.suite.ts';
import { hubListMembersSuite } from './hub-list-members.suite.ts';
import { hubListSubscriptionSuite } from './hub-list-subscription.suite.ts';
import { hubRunSubscriptionSuite } from './hub-run-subscription.suite.ts';
import { LogWriter } from './log-writer.suite.ts';

let redis: RedisProcess;
beforeAll(async () => {
  redis = await RedisProcess.start();
});
afterAll(() => redis.remove());

let spaces = 0;
async function open(): Promise<LogWriter> {
  spaces += 1;
  return new LogWriter(new MemoryStore('e2'), await DistantBus.open(redis.url, `space${spaces}`));
}

// What a connection is told in the turn of a commit, what is repaired without any hint, and what is kept by the server
// that writes do not depend on the bus.
describe('a hub that hears another server by Redis', () => {
  describe('runs', () => hubRunSubscriptionSuite(open));
  describe('delivery', () => hubDeliverySuite(open, 10));
  describe('lists', () => hubListSubscriptionSuite(open));
  describe('members of lists', () => hubListMembersSuite(open));
  describe('attachments', () => hubAttachmentSuite(open));
});
