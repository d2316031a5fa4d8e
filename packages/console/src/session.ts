const KEY = 'millrace.token';

/** What a session needs of the browser's window. */
export interface Page {
  location: { href: string };
  history: { replaceState(state: unknown, title: string, url: string): void };
  storage: Pick<Storage, 'getItem' | 'setItem'>;
}

/**
 * The token to sign in with: `?token=` of the address, which is kept for this browser and taken out of the address
 * bar and the history at once, else the one kept from before.
 */
export function takeToken({ location, history, storage }: Page): string | undefined {
  const address = new URL(location.href);
  const token = address.searchParams.get('token')?.trim();
  if (address.searchParams.has('token')) {
    address.searchParams.delete('token');
    history.replaceState(null, '', address.pathname + address.search + address.hash);
  }
  if (token) keepToken(storage, token);
  return token || readToken(storage);
}

/** Storage may be forbidden (private windows); the token then lives as long as the page. */
export function keepToken(storage: Page['storage'], token: string): void {
  try {
    storage.setItem(KEY, token);
  } catch {
    // the page has it in memory
  }
}

function readToken(storage: Page['storage']): string | undefined {
  try {
    return storage.getItem(KEY) ?? undefined;
  } catch {
    return undefined;
  }
}
