import { expect, test } from 'vitest';
import { until } from '../store/store-factory.suite.ts';
import { FakeConnection, type OpenWriter, principal, writers } from './log-writer.suite.ts';

export function hubSharedViewSuite(open: OpenWriter): void {
  const fresh = writers(open);
  test('[HUB-85] one view goes to each subscription under its own key', async () => {
    const writer = await fresh();
    const hub = writer.hub();
    await writer.create('r');
    await writer.logs('r', 5);
    const connection = new FakeConnection();
    const session = hub.connect(principal(), connection);
    // A cursor of another epoch is answered with a gap and a snapshot, to the list's member as to the run's own subscription.
    session.receive(JSON.stringify({ type: 'list', id: 7, query: {}, events: true, after: { r: 'e1:9' } }));
    session.receive(JSON.stringify({ type: 'subscribe', id: 8, run: 'r', after: 'e1:9' }));
    await until(() => expect(connection.of('snapshot')).toHaveLength(2));
    expect(
      connection
        .of('snapshot')
        .map(({ key }) => key)
        .sort(),
    ).toEqual(['r', 'r|7']);
  });
}
