import { expect, test } from 'vitest';
import { setup } from '../client-setup.suite.ts';
import { socketWays } from './socket-ways.ts';

test("[CLT-105] address and token are the client's, with another token where one was refused", async () => {
  const tokens = ['first', 'second', 'third'];
  const { client } = setup({ url: 'http://millrace.test/base', token: async () => tokens.shift() });
  const { url, token, clock } = socketWays(() => ({}), client);
  expect([url(), clock]).toEqual(['http://millrace.test/base/', client.clock]);
  expect([await token(), await token(), await token('first'), await token('first')]).toEqual([
    'first',
    'first',
    'second',
    'second',
  ]);
  const fixed = setup({ token: 'only' });
  await expect(socketWays(() => ({}), fixed.client).token('only')).resolves.toBe('only');
});

test('[CLT-105] what is given goes before the client, and a function hears which token was refused', async () => {
  const { client } = setup();
  const asked: (string | undefined)[] = [];
  const source = {
    url: 'https://elsewhere.test',
    token: async (refused?: string) => {
      asked.push(refused);
      return 'own';
    },
  };
  const { url, token } = socketWays(() => source, client);
  expect([url(), await token(), await token('own')]).toEqual(['https://elsewhere.test', 'own', 'own']);
  expect(asked).toEqual([undefined, 'own']);
});
