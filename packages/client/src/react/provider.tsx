import { createContext, type ReactNode, useContext } from 'react';
import type { Client } from '../client.ts';

export const ClientContext = createContext<Client | undefined>(undefined);

/** Gives the hooks below it their client. Make the client once, outside of any component. */
export function MillraceProvider({ client, children }: { client: Client; children: ReactNode }) {
  return <ClientContext value={client}>{children}</ClientContext>;
}

/** The client of the nearest `MillraceProvider`. Throws where there is none. */
export function useClient(): Client {
  const client = useContext(ClientContext);
  if (!client) throw new Error('useClient found no MillraceProvider above this component.');
  return client;
}
