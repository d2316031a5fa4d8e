import { expect, test } from 'vitest';
import { setup, watch } from './client-setup.suite.ts';
import { settle } from './fake-server.suite.ts';

test.each(['sse', 'polling'] as const)(
  '[CLT-95] over %s another history of the server is noticed by the next ping at the latest',
  async (kind) => {
    const { server, client, clock } = setup({ transports: [kind], policy: { backoffMax: 1_000 } });
    server.append('r', 3);
    const list = client.list();
    list.subscribe(() => {});
    await settle();
    expect(list.getSnapshot().status).toBe('ready');

    // A backup was put back while nothing but the list was open: no cursor could be refused.
    server.epoch = 'e2';
    for (let beat = 0; beat < 40; beat++) {
      clock.advance(1_000);
      await settle();
    }
    const { store } = watch(client, 'r');
    await settle();
    expect(store.getSnapshot()).toMatchObject({ status: 'ready', cursor: 'e2:3' });
  },
);
