import { type InjectionKey, inject, type Plugin } from 'vue';
import type { Client } from '../client.ts';

export const clientKey: InjectionKey<Client> = Symbol('millrace');

/** Gives an app's composables their client: `app.use(millrace, { client })`. */
export const millrace: Plugin<[{ client: Client }]> = {
  install(app, { client }) {
    app.provide(clientKey, client);
  },
};

/** The app's client. Throws where the plugin was not installed. */
export function useClient(): Client {
  const client = inject(clientKey, undefined);
  if (!client) throw new Error('useClient found no client: app.use(millrace, { client }) comes first.');
  return client;
}
